//! Credentials from mounted files. The operator projects every Secret key that the spec references to a fixed
//! name, so no path depends on how a user calls things.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use connectors::store::S3Credentials;
use connectors::{KafkaConfig, S3Options};
use crds::{Auth, Checkpoints, Kafka, Sasl, SecretKeyRef, Tls};
use protocol::acquire::Stop;
use protocol::reason::Reason;

const CA: &str = "kafka/ca.crt";
const CERTIFICATE: &str = "kafka/tls.crt";
const KEY: &str = "kafka/tls.key";
const USERNAME: &str = "kafka/username";
const PASSWORD: &str = "kafka/password";
const ACCESS_KEY_ID: &str = "s3/access-key-id";
const SECRET_ACCESS_KEY: &str = "s3/secret-access-key";

/// A key of a Secret, the field that names it, and the file that it becomes.
struct Entry<'a> {
    field: &'a str,
    secret: &'a str,
    key: &'a str,
    file: &'a str,
}

impl<'a> Entry<'a> {
    fn of(field: &'a str, secret: &'a SecretKeyRef, file: &'a str) -> Self {
        Self { field, secret: secret.name.as_str(), key: &secret.key, file }
    }
}

/// Reads secrets below a folder and collects what is missing.
pub(super) struct Secrets {
    dir: PathBuf,
    faults: Vec<Stop>,
}

impl Secrets {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), faults: Vec::new() }
    }

    pub(super) fn into_faults(self) -> Vec<Stop> {
        self.faults
    }

    fn missing(&mut self, entry: &Entry<'_>, why: &str) {
        let Entry { field, secret, key, file } = entry;
        let path = self.dir.join(file);
        let message = format!(
            "{field}: Secret '{secret}' with the key '{key}': the file {} {why}",
            path.display()
        );
        self.faults.push(Stop::new(Reason::SecretMissing, message));
    }

    /// The content of a file without the line end that editors add.
    fn text(&mut self, entry: &Entry<'_>) -> String {
        match fs::read_to_string(self.dir.join(entry.file)) {
            Ok(text) if !text.trim().is_empty() => text.trim_end_matches(['\r', '\n']).to_owned(),
            Ok(_) => {
                self.missing(entry, "is empty");
                String::new()
            }
            Err(error) => {
                self.missing(entry, &format!("cannot be read: {error}"));
                String::new()
            }
        }
    }

    /// The path of a file that the client reads itself.
    fn file(&mut self, entry: &Entry<'_>) -> String {
        let path = self.dir.join(entry.file);
        if let Err(error) = fs::metadata(&path) {
            self.missing(entry, &format!("cannot be read: {error}"));
        }
        path.display().to_string()
    }

    /// The client's settings for `spec.kafka`.
    pub(super) fn kafka(&mut self, kafka: &Kafka, client_id: &str) -> KafkaConfig {
        let auth = kafka.auth.clone().unwrap_or_default();
        let mut properties = BTreeMap::new();
        let protocol = security_protocol(&auth);
        if protocol != "PLAINTEXT" {
            properties.insert("security.protocol".to_owned(), protocol.to_owned());
        }
        if let Some(tls) = &auth.tls {
            self.tls(tls, &mut properties);
        }
        if let Some(sasl) = &auth.sasl {
            self.sasl(sasl, &mut properties);
        }
        let bootstrap = kafka.bootstrap_servers.clone().unwrap_or_default();
        KafkaConfig { bootstrap, properties, client_id: client_id.to_owned() }
    }

    fn tls(&mut self, tls: &Tls, properties: &mut BTreeMap<String, String>) {
        let field = "spec.kafka.auth.tls";
        let files = [
            (&tls.ca_secret_ref, "ssl.ca.location", CA),
            (&tls.certificate_secret_ref, "ssl.certificate.location", CERTIFICATE),
            (&tls.key_secret_ref, "ssl.key.location", KEY),
        ];
        for (secret, property, file) in files {
            if let Some(secret) = secret {
                let path = self.file(&Entry::of(field, secret, file));
                properties.insert(property.to_owned(), path);
            }
        }
    }

    fn sasl(&mut self, sasl: &Sasl, properties: &mut BTreeMap<String, String>) {
        let field = "spec.kafka.auth.sasl";
        let username = self.text(&Entry::of(field, &sasl.username_secret_ref, USERNAME));
        let password = self.text(&Entry::of(field, &sasl.password_secret_ref, PASSWORD));
        properties.insert("sasl.mechanism".to_owned(), sasl.mechanism.as_str().to_owned());
        properties.insert("sasl.username".to_owned(), username);
        properties.insert("sasl.password".to_owned(), password);
    }

    /// The store's settings for `spec.checkpoints`.
    pub(super) fn s3(&mut self, checkpoints: &Checkpoints) -> S3Options {
        let credentials = checkpoints.credentials_secret_ref.as_ref().map(|secret| {
            let field = "spec.checkpoints.credentialsSecretRef";
            let entry = |key, file| Entry { field, secret: secret.name.as_str(), key, file };
            let id = entry(secret.access_key_id_key(), ACCESS_KEY_ID);
            let access = entry(secret.secret_access_key_key(), SECRET_ACCESS_KEY);
            from_environment(&self.dir).unwrap_or_else(|| S3Credentials {
                access_key_id: self.text(&id),
                secret_access_key: self.text(&access),
                session_token: None,
            })
        });
        S3Options {
            endpoint: checkpoints.endpoint.clone(),
            region: Some(checkpoints.region().to_owned()),
            path_style: checkpoints.path_style.unwrap_or(false),
            credentials,
            ca_certificate: None,
        }
    }
}

/// Outside a pod there are no mounted files; the usual variables stand in for them.
fn from_environment(dir: &Path) -> Option<S3Credentials> {
    if dir.join(ACCESS_KEY_ID).exists() {
        return None;
    }
    Some(S3Credentials {
        access_key_id: std::env::var("AWS_ACCESS_KEY_ID").ok()?,
        secret_access_key: std::env::var("AWS_SECRET_ACCESS_KEY").ok()?,
        session_token: std::env::var("AWS_SESSION_TOKEN").ok(),
    })
}

fn security_protocol(auth: &Auth) -> &'static str {
    match (auth.tls.is_some(), auth.sasl.is_some()) {
        (true, true) => "SASL_SSL",
        (true, false) => "SSL",
        (false, true) => "SASL_PLAINTEXT",
        (false, false) => "PLAINTEXT",
    }
}
