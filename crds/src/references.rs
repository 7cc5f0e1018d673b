//! What a route takes from ConfigMaps and Secrets: what it names, and what comes of it. Pure.
//!
//! [`wanted`] says which objects and which of their keys a valid route needs, [`given`] what its
//! programs get of them. The operator asks both, so that what is wrong is said in a status; a runtime
//! asks [`given`] again, of what was published to it. Values may be secret: nothing here prints one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::validate::{ValidRoute, VariableValue, VolumeContent, is_variable_name};

/// Key of a login for registries in a Secret of type `kubernetes.io/dockerconfigjson`.
pub const DOCKER_CONFIG_KEY: &str = ".dockerconfigjson";
/// The longest value of one variable, in bytes; as of one that is written in a route.
pub const LONGEST_VALUE: usize = 32_768;
/// The most that all variables of a route may have together, in bytes: every request copies them.
pub const LARGEST_ENVIRONMENT: usize = 256 << 10;

/// Which kind of object.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Kind {
    /// One that anybody may read who reads the namespace.
    #[default]
    ConfigMap,
    /// One whose values are kept from others.
    Secret,
}

/// An object of the route's own namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

/// What an object holds, by key. Never prints a value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Data(pub BTreeMap<String, Vec<u8>>);

/// What a route needs of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// All of it.
    pub whole: bool,
    /// Some keys, and whether the route cannot be served without each.
    pub keys: BTreeMap<String, bool>,
}

/// What a route's programs get. Never prints a value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// Environment variables; of one name the last counts.
    pub env: Vec<(String, String)>,
    /// Folders.
    pub volumes: Vec<GivenVolume>,
    /// Logins for the module's registry, as `docker login` writes them; the first counts that has
    /// one.
    pub pull: Vec<String>,
}

/// A folder of files.
#[derive(Clone, PartialEq, Eq)]
pub struct GivenVolume {
    /// Where the program sees it.
    pub mount_path: String,
    /// What its files hold, by name.
    pub files: Arc<Data>,
    /// Whether that is secret.
    pub is_secret: bool,
}

/// Something that a route takes is not there, or is nothing that it can take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Missing {
    /// The field that names it.
    pub field: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with something that a route takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is no such object.
    #[error("there is no {0}; make it, or write optional: true")]
    Object(Object),
    /// There is no such Secret for a registry.
    #[error("there is no {0}; kubectl create secret docker-registry makes one")]
    PullSecret(Object),
    /// The object has no such key.
    #[error("{0} has no key {1:?}; add it, or write optional: true")]
    Key(Object, String),
    /// The Secret is none for a registry.
    #[error(
        "{0} has no key {DOCKER_CONFIG_KEY:?}; kubectl create secret docker-registry makes one"
    )]
    Login(Object),
    /// A value is no text that an environment can hold.
    #[error(
        "{0}, key {1:?}: a variable holds text without NUL characters, and this is none; mount it as a volume"
    )]
    NotText(Object, String),
    /// A value is too long for a variable.
    #[error(
        "{0}, key {1:?}: {2} bytes are too many for a variable, at most {LONGEST_VALUE}; mount it as a volume"
    )]
    TooLong(Object, String, usize),
    /// All variables together are too much.
    #[error(
        "all variables together have {0} bytes, and at most {LARGEST_ENVIRONMENT} are taken; mount some as a volume"
    )]
    TooLarge(usize),
}

/// Whether an object may have such a key, which also is the name of a file.
#[must_use]
pub fn is_key(text: &str) -> bool {
    let is_inside = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=253).contains(&text.len())
        && text.bytes().all(is_inside)
        && text != "."
        && !text.starts_with("..")
}

/// What a route needs, by object.
#[must_use]
pub fn wanted(route: &ValidRoute) -> BTreeMap<Object, Wanted> {
    let mut all: BTreeMap<Object, Wanted> = BTreeMap::new();
    let mut key = |object: &Object, key: &str, is_required: bool| {
        let wanted = all.entry(object.clone()).or_default();
        *wanted.keys.entry(key.to_owned()).or_default() |= is_required;
    };
    for variable in &route.env {
        if let VariableValue::Key(reference) = &variable.value {
            key(&reference.object, &reference.key, !reference.is_optional);
        }
    }
    for name in &route.pull_secrets {
        key(&Object::secret(name), DOCKER_CONFIG_KEY, true);
    }
    let from_env = route.env_from.iter().map(|from| &from.object);
    let of_volumes = route
        .volumes
        .iter()
        .filter_map(|volume| match &volume.content {
            VolumeContent::Object(reference) => Some(&reference.object),
            VolumeContent::Folder(_) => None,
        });
    for object in from_env
        .map(|reference| &reference.object)
        .chain(of_volumes)
    {
        all.entry(object.clone()).or_default().whole = true;
    }
    all
}

/// What a route's programs get of these objects, or all that stands in the way.
///
/// # Errors
///
/// When something that is not optional is not there, or is nothing that the route can take.
pub fn given(
    route: &ValidRoute,
    mut find: impl FnMut(&Object) -> Option<Arc<Data>>,
) -> Result<Given, Vec<Missing>> {
    let mut missing = Vec::new();
    let mut given = Given::default();
    for (number, from) in route.env_from.iter().enumerate() {
        let field = format!("spec.envFrom[{number}]");
        match find(&from.object.object) {
            Some(data) => given.take_all(&from.prefix, &data),
            None if from.object.is_optional => {}
            None => missing.push(Missing::object(field, &from.object.object)),
        }
    }
    for (number, variable) in route.env.iter().enumerate() {
        let reference = match &variable.value {
            VariableValue::Text(text) => {
                given.env.push((variable.name.clone(), text.clone()));
                continue;
            }
            VariableValue::Key(reference) => reference,
        };
        let field = format!("spec.env[{number}].valueFrom");
        let (object, key) = (&reference.object, &reference.key);
        let data = find(object);
        match data.as_deref().map(|data| data.0.get(key)) {
            Some(Some(value)) => match text(object, key, value) {
                Ok(text) => given.env.push((variable.name.clone(), text.to_owned())),
                Err(problem) => missing.push(Missing { field, problem }),
            },
            _ if reference.is_optional => {}
            Some(None) => missing.push(Missing {
                field,
                problem: Problem::Key(object.clone(), key.clone()),
            }),
            None => missing.push(Missing::object(field, object)),
        }
    }
    for (number, volume) in route.volumes.iter().enumerate() {
        let VolumeContent::Object(reference) = &volume.content else {
            continue;
        };
        let files = match find(&reference.object) {
            Some(files) => files,
            None if reference.is_optional => Arc::default(),
            None => {
                let field = format!("spec.volumes[{number}]");
                missing.push(Missing::object(field, &reference.object));
                continue;
            }
        };
        given.volumes.push(GivenVolume {
            mount_path: volume.mount_path.clone(),
            files,
            is_secret: reference.object.kind == Kind::Secret,
        });
    }
    for (number, name) in route.pull_secrets.iter().enumerate() {
        let object = Object::secret(name);
        let field = format!("spec.module.pullSecrets[{number}]");
        let data = find(&object);
        let login = data.as_deref().map(|data| data.0.get(DOCKER_CONFIG_KEY));
        match login.map(|login| login.and_then(|login| str::from_utf8(login).ok())) {
            Some(Some(login)) => given.pull.push(login.to_owned()),
            Some(None) => missing.push(Missing {
                field,
                problem: Problem::Login(object),
            }),
            None => missing.push(Missing {
                field,
                problem: Problem::PullSecret(object),
            }),
        }
    }
    let size = given.env_bytes();
    if size > LARGEST_ENVIRONMENT && !(route.env_from.is_empty() && wanted(route).is_empty()) {
        missing.push(Missing {
            field: "spec.env".to_owned(),
            problem: Problem::TooLarge(size),
        });
    }
    if missing.is_empty() {
        Ok(given)
    } else {
        Err(missing)
    }
}

/// A value as a variable can hold it.
fn text<'a>(object: &Object, key: &str, value: &'a [u8]) -> Result<&'a str, Problem> {
    if value.len() > LONGEST_VALUE {
        return Err(Problem::TooLong(
            object.clone(),
            key.to_owned(),
            value.len(),
        ));
    }
    match str::from_utf8(value) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(Problem::NotText(object.clone(), key.to_owned())),
    }
}

// === impl Kind ===

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        })
    }
}

// === impl Object ===

impl Object {
    /// A ConfigMap.
    #[must_use]
    pub fn config_map(name: &str) -> Self {
        Self {
            kind: Kind::ConfigMap,
            name: name.to_owned(),
        }
    }

    /// A Secret.
    #[must_use]
    pub fn secret(name: &str) -> Self {
        Self {
            kind: Kind::Secret,
            name: name.to_owned(),
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

// === impl Data ===

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<String>, V: Into<Vec<u8>>> FromIterator<(K, V)> for Data {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(entries: T) -> Self {
        let entries = entries.into_iter();
        Self(
            entries
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }
}

// === impl Wanted ===

impl Wanted {
    /// Whether it is of use to have this key.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.whole || self.keys.contains_key(key)
    }

    /// What both need.
    pub fn add(&mut self, other: &Self) {
        self.whole |= other.whole;
        for (key, is_required) in &other.keys {
            *self.keys.entry(key.clone()).or_default() |= is_required;
        }
    }
}

// === impl Given ===

impl Given {
    /// Every key that can name a variable; the others are left out, as in a Pod.
    fn take_all(&mut self, prefix: &str, data: &Data) {
        for (key, value) in &data.0 {
            let name = format!("{prefix}{key}");
            let is_short = value.len() <= LONGEST_VALUE && is_variable_name(&name);
            if let (true, Ok(text)) = (is_short, str::from_utf8(value))
                && !text.contains('\0')
            {
                self.env.push((name, text.to_owned()));
            }
        }
    }

    fn env_bytes(&self) -> usize {
        let sizes = self
            .env
            .iter()
            .map(|(name, value)| name.len() + value.len());
        sizes.sum()
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.env.iter().map(|(name, _)| name);
        f.debug_struct("Given")
            .field("env", &names.collect::<Vec<_>>())
            .field("volumes", &self.volumes)
            .field("pull", &self.pull.len())
            .finish()
    }
}

impl fmt::Debug for GivenVolume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.mount_path, self.files)
    }
}

// === impl Missing ===

impl Missing {
    fn object(field: String, object: &Object) -> Self {
        Self {
            field,
            problem: Problem::Object(object.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
