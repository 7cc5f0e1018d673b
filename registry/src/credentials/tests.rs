use super::*;

/// `alice:secret` and `bob:other` in base64.
const ALICE: &str = "YWxpY2U6c2VjcmV0";
const BOB: &str = "Ym9iOm90aGVy";

async fn name_for(credentials: &Credentials, host: &str, repository: &str) -> String {
    let patience = Duration::from_secs(10);
    match credentials.look_up(host, repository, patience).await {
        Ok(Login::Password { name, .. }) => name,
        other => format!("{other:?}"),
    }
}

fn text(json: &str) -> Credentials {
    Credentials::DockerConfig(DockerConfig::from_text(json).unwrap())
}

#[tokio::test]
async fn the_longest_key_that_matches_wins() {
    let config = text(&format!(
        r#"{{"auths": {{
            "https://index.docker.io/v1/": {{"auth": "{ALICE}"}},
            "r.example": {{"auth": "{ALICE}"}},
            "r.example/team": {{"auth": "{BOB}"}},
            "*.corp.example": {{"auth": "{BOB}"}},
            "ghcr.example:5000": {{"username": "carol", "password": "p"}}
        }}}}"#
    ));
    for (host, repository, expected) in [
        ("docker.io", "library/hello", "alice"),
        ("registry-1.docker.io", "library/hello", "alice"),
        ("r.example", "hello", "alice"),
        ("r.example", "team/hello", "bob"),
        ("r.example", "team", "bob"),
        ("r.example", "teams/hello", "alice"),
        ("a.corp.example", "hello", "bob"),
        ("corp.example", "hello", "Ok(Anonymous)"),
        ("ghcr.example:5000", "hello", "carol"),
        ("ghcr.example", "hello", "Ok(Anonymous)"),
        ("other.example", "hello", "Ok(Anonymous)"),
    ] {
        assert_eq!(
            name_for(&config, host, repository).await,
            expected,
            "{host}"
        );
    }
}

#[tokio::test]
async fn a_token_of_docker_login_is_kept_as_such() {
    let config = text(r#"{"auths": {"r.example": {"auth": "YTo=", "identitytoken": "t"}}}"#);
    let login = config.look_up("r.example", "hello", Duration::ZERO).await;
    assert_eq!(login.unwrap(), Login::Identity("t".to_owned()));
}

#[tokio::test]
async fn helpers_named_by_a_text_are_not_run() {
    let config = text(r#"{"credsStore": "evil", "credHelpers": {"r.example": "evil"}}"#);
    assert_eq!(
        name_for(&config, "r.example", "hello").await,
        "Ok(Anonymous)"
    );
}

#[tokio::test]
async fn a_helper_that_is_no_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, r#"{"credHelpers": {"r.example": "../../bin/x"}}"#).unwrap();
    let config = Credentials::DockerConfig(DockerConfig::file(path));
    let said = name_for(&config, "r.example", "hello").await;
    assert!(said.contains("is no name"), "{said}");
}

#[tokio::test]
async fn a_file_is_read_anew_and_one_that_is_not_there_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let config = Credentials::DockerConfig(DockerConfig::file(&path));
    assert_eq!(
        name_for(&config, "r.example", "hello").await,
        "Ok(Anonymous)"
    );
    let json = format!(r#"{{"auths": {{"r.example": {{"auth": "{ALICE}"}}}}}}"#);
    std::fs::write(&path, json).unwrap();
    assert_eq!(name_for(&config, "r.example", "hello").await, "alice");
    std::fs::write(&path, "{\"auths\": {\"r.example\": \"secret\"").unwrap();
    let said = name_for(&config, "r.example", "hello").await;
    assert!(
        said.contains("line 1") && !said.contains("secret"),
        "{said}"
    );
}

#[test]
fn a_text_that_is_none_is_refused_without_repeating_it() {
    let error = DockerConfig::from_text("secret").unwrap_err().to_string();
    assert!(error.contains("docker login writes"), "{error}");
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn nothing_prints_a_secret() {
    let config = text(&format!(
        r#"{{"auths": {{"r.example": {{"auth": "{ALICE}"}}}}}}"#
    ));
    let login = Login::Password {
        name: "alice".to_owned(),
        password: "secret".to_owned(),
    };
    let identity = Login::Identity("secret".to_owned());
    let printed = format!("{config:?} {login:?} {identity:?}");
    assert!(
        !printed.contains("secret") && !printed.contains(ALICE),
        "{printed}"
    );
}

#[test]
fn logins_have_different_fingerprints() {
    let password = |name: &str, password: &str| Login::Password {
        name: name.to_owned(),
        password: password.to_owned(),
    };
    let all = [
        Login::Anonymous,
        password("ab", "c"),
        password("a", "bc"),
        password("", "abc"),
        Login::Identity("abc".to_owned()),
    ];
    for (at, one) in all.iter().enumerate() {
        for other in &all[at + 1..] {
            assert_ne!(one.fingerprint(), other.fingerprint(), "{one:?} {other:?}");
        }
    }
}

#[tokio::test]
async fn of_several_texts_the_first_that_has_an_entry_counts() {
    let first = format!(r#"{{"auths": {{"r.example": {{"auth": "{ALICE}"}}}}}}"#);
    let second = format!(
        r#"{{"auths": {{"r.example": {{"auth": "{BOB}"}}, "s.example": {{"auth": "{BOB}"}}}}}}"#
    );
    let config = DockerConfig::from_texts([&*first, &*second]).unwrap();
    let both = Credentials::DockerConfig(config);
    assert_eq!(name_for(&both, "r.example", "hello").await, "alice");
    assert_eq!(name_for(&both, "s.example", "hello").await, "bob");
    let refused = DockerConfig::from_texts([&*first, "s3cret"]).unwrap_err();
    assert!(!refused.to_string().contains("s3cret"), "{refused}");
}
