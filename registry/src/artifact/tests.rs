use super::*;

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn manifest(config: &str, layers: &[(&str, &str)]) -> String {
    let layers: Vec<_> = layers
        .iter()
        .map(|(media_type, title)| {
            serde_json::json!({"mediaType": media_type, "digest": DIGEST, "size": 7,
                "annotations": {TITLE: title}})
        })
        .collect();
    serde_json::json!({
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE_MEDIA_TYPE,
        "config": {"mediaType": config, "digest": DIGEST, "size": 2},
        "layers": layers,
    })
    .to_string()
}

/// Media type, platform, and the digit that its digest is made of.
type Entry<'a> = (&'a str, Option<(&'a str, &'a str)>, &'a str);

fn index(entries: &[Entry<'_>]) -> String {
    let entries: Vec<_> = entries
        .iter()
        .map(|(media_type, platform, digit)| {
            let mut entry = serde_json::json!({"mediaType": media_type, "size": 9,
                "digest": format!("sha256:{}", digit.repeat(64))});
            if let Some((os, architecture)) = platform {
                entry["platform"] = serde_json::json!({"os": os, "architecture": architecture});
            }
            entry
        })
        .collect();
    serde_json::json!({"schemaVersion": 2, "manifests": entries}).to_string()
}

#[track_caller]
fn check(json: &str, expected: Result<&str, &str>) {
    match (read(Some(OCI_IMAGE_MEDIA_TYPE), json.as_bytes()), expected) {
        (Ok(Manifest::Module(module)), Ok(media_type)) => {
            assert_eq!(module.media_type, media_type);
            assert_eq!(
                (module.digest.to_string(), module.size),
                (DIGEST.to_owned(), 7)
            );
        }
        (Err(error), Err(part)) => {
            assert!(error.to_string().contains(part), "{error}");
        }
        (read, _) => panic!("{read:?}, and not {expected:?}"),
    }
}

#[track_caller]
fn check_index(json: &str, expected: Result<&str, &str>) {
    match (read(None, json.as_bytes()), expected) {
        (Ok(Manifest::Index(digest)), Ok(digit)) => {
            assert_eq!(digest.to_string(), format!("sha256:{}", digit.repeat(64)));
        }
        (Err(error), Err(part)) => {
            assert!(error.to_string().contains(part), "{error}");
        }
        (read, _) => panic!("{read:?}, and not {expected:?}"),
    }
}

#[test]
fn modules_of_every_tool_are_found() {
    check(&manifest(CNCF_CONFIG, &[(CNCF_LAYER, "")]), Ok(CNCF_LAYER));
    check(
        &manifest(LEGACY_CONFIG, &[(LEGACY_LAYER, "")]),
        Ok(LEGACY_LAYER),
    );
    for config in [
        "application/vnd.module.wasm.config.v1+json",
        "application/vnd.io.wasm.module.config.v1+json",
    ] {
        check(&manifest(config, &[(SOLO_LAYER, "")]), Ok(SOLO_LAYER));
        // Beside the runtime's configuration, which is a layer in solo.io's specification.
        let runtime = ("application/vnd.module.wasm.runtime.v1+json", "");
        check(
            &manifest(config, &[runtime, (SOLO_LAYER, "")]),
            Ok(SOLO_LAYER),
        );
    }
    check(&manifest(EMPTY_CONFIG, &[(CNCF_LAYER, "")]), Ok(CNCF_LAYER));
    for config in [EMPTY_CONFIG, ORAS_CONFIG] {
        check(
            &manifest(config, &[(ORAS_LAYER, "hello.wasm")]),
            Ok(ORAS_LAYER),
        );
    }
}

#[test]
fn what_is_no_module_is_refused_by_the_types_that_were_found() {
    let image = "application/vnd.oci.image.config.v1+json";
    let gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
    check(
        &manifest(image, &[(gzip, ""), (gzip, "")]),
        Err(
            "configuration application/vnd.oci.image.config.v1+json, 2 layers application/vnd.oci.image.layer.v1.tar+gzip; push it with wagi push",
        ),
    );
    let spin = "application/vnd.fermyon.spin.application.v1+config";
    check(&manifest(spin, &[(LEGACY_LAYER, "")]), Err(spin));
    check(&manifest(CNCF_CONFIG, &[]), Err("no layer"));
    check(
        &manifest(EMPTY_CONFIG, &[(ORAS_LAYER, "site.tar")]),
        Err(ORAS_LAYER),
    );
    check(
        &manifest(CNCF_CONFIG, &[(CNCF_LAYER, ""), (CNCF_LAYER, "")]),
        Err("2 WebAssembly layers"),
    );
    let charts = "application/vnd.docker.distribution.manifest.v1+json";
    check(
        &manifest(CNCF_CONFIG, &[(CNCF_LAYER, "")]).replace(OCI_IMAGE_MEDIA_TYPE, charts),
        Err(charts),
    );
}

#[test]
fn broken_manifests_are_refused() {
    let good = manifest(CNCF_CONFIG, &[(CNCF_LAYER, "")]);
    check("", Err("cannot be read"));
    check("[]", Err("cannot be read"));
    check("{}", Err("cannot be read"));
    check(&good.replace("\"size\":7", "\"size\":-1"), Err("-1 bytes"));
    check(&good.replace("sha256:", "sha512:"), Err("only sha256"));
    check(
        &good.replace("\"layers\"", "\"manifests\":[],\"layers\""),
        Err("both layers and manifests"),
    );
    check(&"[".repeat(100_000), Err("cannot be read"));
}

#[test]
fn an_index_leads_to_the_manifest_for_webassembly() {
    let linux = (OCI_IMAGE_MEDIA_TYPE, Some(("linux", "amd64")), "1");
    let wasip1 = (OCI_IMAGE_MEDIA_TYPE, Some(("wasip1", "wasm")), "2");
    let wasi = (OCI_IMAGE_MEDIA_TYPE, Some(("wasi", "wasm")), "3");
    let wasip2 = (OCI_IMAGE_MEDIA_TYPE, Some(("wasip2", "wasm")), "4");
    let plain = (IMAGE_MANIFEST_MEDIA_TYPE, None, "5");
    check_index(&index(&[linux, wasip1, wasi]), Ok("3"));
    check_index(&index(&[linux, wasip2, wasip1]), Ok("2"));
    check_index(&index(&[plain]), Ok("5"));
    check_index(
        &index(&[linux, wasip2]),
        Err("linux/amd64 (application/vnd.oci.image.manifest.v1+json), wasip2/wasm"),
    );
    check_index(&index(&[plain, plain]), Err("no platform"));
    check_index(&index(&[]), Err("no manifest"));
}

#[test]
fn an_index_of_indexes_is_refused() {
    for nested in [OCI_IMAGE_INDEX_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE] {
        check_index(&index(&[(nested, None, "1")]), Err("index of indexes"));
        check_index(
            &index(&[(nested, Some(("wasi", "wasm")), "1")]),
            Err(nested),
        );
    }
}
