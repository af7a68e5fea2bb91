//! A second listener of a real Kafka, with TLS and a password, for the job; the tests themselves use the first one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::kafka::{RealKafka, Version};
use super::{ports, tools};

/// The one user of the listener.
pub const USER: &str = "streamjob";
/// Its password.
pub const PASSWORD: &str = "correct horse battery staple";
/// Days for which certificates hold.
const DAYS: &str = "30";

/// How the password is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// As it is.
    Plain,
    /// As the answer to a challenge.
    ScramSha512,
}

impl Mechanism {
    /// Kafka's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }

    /// Lines of the broker's configuration.
    fn properties(self) -> [String; 2] {
        let (module, user) = match self {
            Self::Plain => ("plain.PlainLoginModule", format!(" user_{USER}=\"{PASSWORD}\"")),
            Self::ScramSha512 => ("scram.ScramLoginModule", String::new()),
        };
        let package = "org.apache.kafka.common.security";
        let listener = format!("listener.name.secured.{}", self.name().to_lowercase());
        [
            format!("listener.name.secured.sasl.enabled.mechanisms={}", self.name()),
            format!("{listener}.sasl.jaas.config={package}.{module} required{user};"),
        ]
    }
}

/// A running broker with such a listener.
pub struct SecuredKafka {
    /// The broker; its own address takes plain text.
    pub kafka: RealKafka,
    mechanism: Mechanism,
    port: u16,
    /// The authority that signed the broker's certificate.
    pub authority: Authority,
}

impl SecuredKafka {
    /// Makes keys below `folder`, starts a broker there, and makes the user known to it.
    pub fn start(folder: &Path, mechanism: Mechanism) -> anyhow::Result<Self> {
        let authority = Authority::new(&folder.join("authority"))?;
        let keys = authority.sign_for_loopback(&folder.join("broker"))?;
        let [plain, controller, port] = ports::free()?;
        let listeners = format!(
            "listeners=PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller},\
             SECURED://127.0.0.1:{port}"
        );
        let advertised = format!(
            "advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SECURED://127.0.0.1:{port}"
        );
        let protocols = "listener.security.protocol.map=\
                         PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL";
        let keys = format!("listener.name.secured.ssl.keystore.location={}", keys.display());
        let mut properties = vec![listeners, advertised, protocols.to_owned(), keys];
        properties.push("listener.name.secured.ssl.keystore.type=PEM".to_owned());
        properties.extend(mechanism.properties());
        let properties: Vec<&str> = properties.iter().map(String::as_str).collect();
        let kafka = RealKafka::start_at([plain, controller], folder, Version::Newest, &properties)?;
        if mechanism == Mechanism::ScramSha512 {
            set_password(&kafka.bootstrap(), PASSWORD)?;
        }
        Ok(Self { kafka, mechanism, port, authority })
    }

    /// `spec.kafka` of a job that uses the listener.
    pub fn spec(&self) -> Value {
        let secret = |key: &str| json!({"name": "kafka", "key": key});
        json!({
            "bootstrapServers": format!("127.0.0.1:{}", self.port),
            "auth": {
                "tls": {"caSecretRef": secret("ca.crt")},
                "sasl": {
                    "mechanism": self.mechanism.name(),
                    "usernameSecretRef": secret("username"),
                    "passwordSecretRef": secret("password"),
                },
            },
        })
    }
}

/// Makes the user of a salted password known through the plain listener, or gives it another password.
pub fn set_password(bootstrap: &str, password: &str) -> anyhow::Result<()> {
    let password = format!("{}=[password={password}]", Mechanism::ScramSha512.name());
    let arguments =
        ["tool", "kafka.admin.ConfigCommand", "--bootstrap-server", bootstrap, "--alter"];
    let user = ["--add-config", &password, "--entity-type", "users", "--entity-name", USER];
    tools::script("kafka.sh", &[&arguments[..], &user[..]].concat(), &[]).map(drop)
}

/// The secrets of `spec.kafka` as files, as a pod sees them.
pub fn write_secrets(folder: &Path, authority: &Authority, password: &str) -> anyhow::Result<()> {
    let folder = folder.join("kafka");
    fs::create_dir_all(&folder).context("cannot create the folder of the secrets")?;
    fs::copy(&authority.certificate, folder.join("ca.crt")).context("cannot copy the authority")?;
    for (name, text) in [("username", USER), ("password", password)] {
        fs::write(folder.join(name), text).context("cannot write a secret")?;
    }
    Ok(())
}

/// Who signs certificates.
pub struct Authority {
    key: PathBuf,
    certificate: PathBuf,
}

impl Authority {
    /// A new one, of which nobody has heard before.
    pub fn new(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).context("cannot create the folder of an authority")?;
        let (key, certificate) = (folder.join("ca.key"), folder.join("ca.crt"));
        let subject = ["-subj", "/CN=streamjob tests", "-days", DAYS];
        openssl(
            &[&["req", "-x509", "-newkey", "rsa:2048", "-nodes"], &subject[..]].concat(),
            &[("-keyout", &key), ("-out", &certificate)],
        )?;
        Ok(Self { key, certificate })
    }

    /// Key and certificate of a server on loopback, in one file as Kafka wants it.
    fn sign_for_loopback(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        fs::create_dir_all(folder).context("cannot create the folder of a server's keys")?;
        let (key, certificate) = (folder.join("tls.key"), folder.join("tls.crt"));
        let names = ["-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1"];
        openssl(
            &[&["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", DAYS], &names[..]]
                .concat(),
            &[
                ("-CA", &self.certificate),
                ("-CAkey", &self.key),
                ("-keyout", &key),
                ("-out", &certificate),
            ],
        )?;
        let mut both = fs::read(&key).context("the key is not there")?;
        both.extend(fs::read(&certificate).context("the certificate is not there")?);
        both.extend(fs::read(&self.certificate).context("the authority is not there")?);
        let path = folder.join("keystore.pem");
        fs::write(&path, both).context("cannot write the keys of a server")?;
        Ok(path)
    }
}

fn openssl(arguments: &[&str], files: &[(&str, &PathBuf)]) -> anyhow::Result<()> {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::null());
    for (option, path) in files {
        command.arg(option).arg(path);
    }
    let output = command.output().context("cannot run openssl")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "openssl {}: {errors}", arguments.join(" "));
    Ok(())
}
