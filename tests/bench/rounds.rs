//! Rounds: a measurement of ours, with bare before and after it.

/// The middle of several measurements, and how far they lie apart.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// Half of them are below.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

/// One measurement of ours between two of bare.
#[derive(Clone, Copy, Debug)]
pub struct Round<O, B> {
    /// Bare, before.
    pub before: B,
    /// Ours.
    pub ours: O,
    /// Bare, after.
    pub after: B,
}

/// All rounds of one thing.
#[derive(Clone, Debug)]
pub struct Series<O, B = O>(pub Vec<Round<O, B>>);

/// Something that measures once.
pub type Measure<'a, T> = Box<dyn FnMut() -> anyhow::Result<T> + 'a>;

// === impl Spread ===

impl Spread {
    /// Of no measurement everything is NaN, which no target accepts.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self {
            median: percentile(&values, 0.5),
            least: values.first().copied().unwrap_or(f64::NAN),
            most: values.last().copied().unwrap_or(f64::NAN),
        }
    }
}

/// The value that so great a part of the sorted values does not exceed.
pub fn percentile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    let position = (last * part).round() as usize;
    sorted.get(position).copied().unwrap_or(f64::NAN)
}

/// The p50 and p99 of values in any order.
pub fn p50_p99(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    (percentile(&values, 0.5), percentile(&values, 0.99))
}

// === impl Series ===

impl<O: Copy, B: Copy> Series<O, B> {
    /// Measures bare, then in each round ours and bare again.
    pub fn measure(
        rounds: usize,
        bare: impl FnMut() -> anyhow::Result<B>,
        ours: impl FnMut() -> anyhow::Result<O>,
    ) -> anyhow::Result<Self> {
        let mut all = Self::interleave(rounds, bare, vec![Box::new(ours)])?;
        Ok(all.remove(0))
    }

    /// As [`Self::measure`], with several of ours in each round, bare between any two.
    pub fn interleave(
        rounds: usize,
        mut bare: impl FnMut() -> anyhow::Result<B>,
        mut ours: Vec<Measure<'_, O>>,
    ) -> anyhow::Result<Vec<Self>> {
        let mut all = vec![Self(Vec::with_capacity(rounds)); ours.len()];
        let mut before = bare()?;
        for _ in 0..rounds {
            for (series, measure) in all.iter_mut().zip(&mut ours) {
                let ours = measure()?;
                let after = bare()?;
                series.0.push(Round {
                    before,
                    ours,
                    after,
                });
                before = after;
            }
        }
        Ok(all)
    }

    /// One figure of ours.
    pub fn ours(&self, figure: impl Fn(&O) -> f64) -> Spread {
        Spread::of(self.0.iter().map(|round| figure(&round.ours)))
    }

    /// One figure of bare, each round's after.
    pub fn bare(&self, figure: impl Fn(&B) -> f64) -> Spread {
        Spread::of(self.0.iter().map(|round| figure(&round.after)))
    }

    /// Bare after each round over bare before it: what the machine alone does to a ratio.
    pub fn noise(&self, figure: impl Fn(&B) -> f64) -> Spread {
        let change = |round: &Round<O, B>| figure(&round.after) / figure(&round.before);
        Spread::of(self.0.iter().map(change))
    }
}

impl<C: Copy> Series<C, C> {
    /// Ours over the mean of bare before and after.
    pub fn ratio(&self, figure: impl Fn(&C) -> f64) -> Spread {
        let ratio = |round: &Round<C, C>| {
            2.0 * figure(&round.ours) / (figure(&round.before) + figure(&round.after))
        };
        Spread::of(self.0.iter().map(ratio))
    }
}
