//! `wagi-operator crds`: prints the custom resource definitions.

use std::io::Write;
use std::process::ExitCode;

use ::crds::definitions::definitions;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use super::Error;

pub(super) fn run() -> Result<ExitCode, Error> {
    let text = yaml(&definitions()).map_err(Error::failed)?;
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes());
    written
        .and_then(|()| stdout.flush())
        .map_err(Error::failed)?;
    Ok(ExitCode::SUCCESS)
}

/// One document each.
fn yaml(definitions: &[CustomResourceDefinition]) -> Result<String, serde_saphyr::SerializeError> {
    let mut text = String::new();
    for definition in definitions {
        text.push_str("---\n");
        text.push_str(&serde_saphyr::to_string(definition)?);
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_as_what_it_is() {
        let expected = definitions();
        let text = yaml(&expected).expect("they can be written");
        let read: Result<Vec<CustomResourceDefinition>, _> = serde_saphyr::from_multiple(&text);
        assert_eq!(read.expect("two documents"), expected);
    }
}
