use super::*;
pub(super) fn run(args: RunArgs, effective: &Effective) -> Result<ExitCode, Error> {
    let config = crate::config::Run::try_from(args)?;
    effective.log();
    let _ = config;
    Err(Error::failed("x"))
}
