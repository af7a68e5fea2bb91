//! What the roles of the chart grant, and what was asked of the API server: the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;

use serde::Deserialize;
use serde_json::Value;
use tests::harness::tools;

use crate::say;
use crate::world::{OTHER_SYSTEM, SYSTEM, World};

/// Who may ask anything at all: whoever runs the tests, operator and plugin. Workers may not.
const KNOWN: [&str; 5] = ["admin", OPERATOR, OTHER_OPERATOR, PLUGIN, "system:anonymous"];
const OPERATOR: &str = "system:serviceaccount:streamjob-system:streamjob";
const OTHER_OPERATOR: &str = "system:serviceaccount:other-system:other-streamjob";
const PLUGIN: &str = "system:serviceaccount:default:somebody";
/// What everybody may ask, by roles that every cluster has.
const EVERYBODY: [&str; 2] = ["/version", "/api"];
/// Whether roles allowed a request; what goes wrong after that (a namespace that ends, a quota) is no matter of rights.
const DECISION: &str = "authorization.k8s.io/decision";
/// The answer to whom the API server does not know.
const UNAUTHORIZED: u16 = 401;
/// What is granted and does not show in the run, and why it is granted.
const UNSEEN: [(&str, &str); 6] = [
    ("delete /pods", "a pod of a node that is gone never ends by itself"),
    ("create streamjob.dev/savepoints", "no schedule comes round in the minutes of a run"),
    ("delete streamjob.dev/savepoints", "those that a schedule keeps no longer"),
    ("update streamjob.dev/streamjobs/finalizers", "some clusters want it of who names an owner"),
    ("update streamjob.dev/savepoints/finalizers", "the same"),
    ("create streamjob.dev/streamjobs", "the plugin plans jobs that are not there yet"),
];

/// A verb on a resource of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    group: String,
    resource: String,
    verb: String,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.verb, self.group, self.resource)
    }
}

type Rights = BTreeSet<Right>;

/// One request of the audit log.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    verb: String,
    user: User,
    #[serde(rename = "requestURI")]
    uri: String,
    /// When it came, in a form that sorts.
    request_received_timestamp: String,
    #[serde(default)]
    object_ref: Option<Object>,
    #[serde(default)]
    response_status: Option<Status>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct User {
    /// None where nobody was known by the token: of an account that is gone, for one.
    #[serde(default)]
    username: String,
}

#[derive(Debug, Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    #[serde(default)]
    resource: String,
    #[serde(default)]
    subresource: String,
    #[serde(default)]
    api_group: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
}

impl Asked {
    fn code(&self) -> u16 {
        self.response_status.as_ref().map_or(0, |status| status.code)
    }

    /// What was needed. A patch that makes an object needs the right to create it, too.
    fn rights(&self) -> Vec<Right> {
        let creates = (self.verb == "patch" && self.code() == 201).then_some("create");
        [Some(self.verb.as_str()), creates]
            .into_iter()
            .flatten()
            .filter_map(|v| self.right(v))
            .collect()
    }

    /// A binding of a role of the chart, where the request is about one.
    fn binding(&self) -> Option<&str> {
        let object = self.object_ref.as_ref()?;
        let binding = ["clusterrolebindings", "rolebindings"].contains(&object.resource.as_str());
        (binding && object.name.starts_with("streamjob")).then_some(object.name.as_str())
    }

    fn right(&self, verb: &str) -> Option<Right> {
        let object = self.object_ref.as_ref()?;
        let resource = match object.subresource.as_str() {
            "" => object.resource.clone(),
            sub => format!("{}/{sub}", object.resource),
        };
        Some(Right { group: object.api_group.clone(), resource, verb: verb.to_owned() })
    }
}

/// The audit log of the run against the roles.
pub(crate) fn are_what_is_used(world: &World) {
    let log = fs::read_to_string(world.audit_log()).unwrap();
    let mut asked: Vec<Asked> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    asked.sort_by(|a, b| a.request_received_timestamp.cmp(&b.request_received_timestamp));
    let mut faults = strangers(&asked);
    let rendered = rendered(world);
    for (user, roles) in
        [(OPERATOR, &["streamjob", "streamjob-lease"][..]), (PLUGIN, &["streamjob-plugin"])]
    {
        let granted: Rights = roles.iter().flat_map(|role| granted(&rendered, role)).collect();
        let mine: Vec<&Asked> = asked.iter().filter(|asked| asked.user.username == user).collect();
        let used: Rights = mine.iter().flat_map(|asked| asked.rights()).collect();
        say(&format!(
            "{user}: {} requests, {} rights of {}",
            mine.len(),
            used.len(),
            granted.len()
        ));
        faults.extend(refused(&asked, user));
        faults.extend(
            used.difference(&granted).map(|right| format!("{user} was not granted {right}")),
        );
        if World::is_whole() {
            faults
                .extend(unused(&granted, &used).map(|right| format!("{user} never needs {right}")));
        }
    }
    faults.extend(crossings(&asked));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Requests of somebody whom nobody knows: a worker's pod, for one.
fn strangers(asked: &[Asked]) -> Vec<String> {
    let mut strange = BTreeMap::new();
    let known = |asked: &Asked| KNOWN.contains(&asked.user.username.as_str());
    for asked in asked.iter().filter(|asked| !known(asked) && asked.code() != UNAUTHORIZED) {
        strange.entry(&asked.user.username).or_insert(&asked.uri);
    }
    strange.into_iter().map(|(user, uri)| format!("{user} asked for {uri}")).collect()
}

/// In the namespace of the second operator's job the first one writes nothing, and the second one writes nowhere else.
fn crossings(asked: &[Asked]) -> Vec<String> {
    let writes =
        asked.iter().filter(|a| ["create", "update", "patch", "delete"].contains(&&*a.verb));
    let crossing = writes.filter(|asked| {
        let other = asked.user.username == OTHER_OPERATOR;
        let there = asked.object_ref.as_ref().is_some_and(|o| o.namespace == OTHER_SYSTEM);
        (other || asked.user.username == OPERATOR) && there != other
    });
    crossing.map(|asked| format!("{} wrote {}", asked.user.username, asked.uri)).collect()
}

/// What a user asked and had no right to. While the chart is being uninstalled its roles go before
/// its pods have: what is refused then is none.
fn refused(asked: &[Asked], user: &str) -> Vec<String> {
    let everybody = |uri: &str| EVERYBODY.iter().any(|start| uri.starts_with(start));
    let (mut unbound, mut found) = (BTreeSet::new(), Vec::new());
    for asked in asked {
        if let Some(binding) = asked.binding() {
            match asked.verb.as_str() {
                "delete" => drop(unbound.insert(binding)),
                "create" => drop(unbound.remove(binding)),
                _ => {}
            }
        }
        let refused = asked.annotations.get(DECISION).is_some_and(|word| word != "allow")
            || asked.object_ref.is_none() && !everybody(&asked.uri);
        if refused && asked.user.username == user && unbound.is_empty() {
            found.push(format!("{user} was refused {} {}", asked.verb, asked.uri));
        }
    }
    found
}

fn unused<'a>(granted: &'a Rights, used: &'a Rights) -> impl Iterator<Item = &'a Right> {
    let explained = |right: &Right| UNSEEN.iter().any(|(known, _)| *known == right.to_string());
    granted.difference(used).filter(move |right| !explained(right))
}

/// What the chart makes, as the cluster got it.
fn rendered(world: &World) -> Vec<Value> {
    let chart = tools::checkout().join("charts/streamjob").display().to_string();
    let text = world.tools.helm(&["template", "streamjob", &chart, "--namespace", SYSTEM]).unwrap();
    let documents = serde_norway::Deserializer::from_str(&text);
    documents.map(|document| Value::deserialize(document).unwrap()).collect()
}

fn granted(rendered: &[Value], role: &str) -> Rights {
    let is_role = |object: &&Value| {
        ["Role", "ClusterRole"].contains(&object["kind"].as_str().unwrap_or_default())
            && object["metadata"]["name"] == role
    };
    let found = rendered.iter().find(is_role).expect(role);
    let words = |rule: &Value, field: &str| -> Vec<String> {
        serde_json::from_value(rule[field].clone()).unwrap()
    };
    let mut rights = Rights::new();
    for rule in found["rules"].as_array().unwrap() {
        for group in words(rule, "apiGroups") {
            for resource in words(rule, "resources") {
                for verb in words(rule, "verbs") {
                    rights.insert(Right { group: group.clone(), resource: resource.clone(), verb });
                }
            }
        }
    }
    rights
}
