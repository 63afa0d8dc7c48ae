//! A plain model of walks over the lineage graph, on the objects in an interchange file. Each step searches all
//! relations. Deviations compute expected answers with it, without the tables of contexta.

use crate::golden_answers::compare::values;
use crate::golden_answers::metrics::time;
use crate::golden_answers::object::{link, note, text};
use crate::golden_answers::rules::Rules;
use crate::support::TempDir;
use contexta::contract::json::read::parse;
use contexta::contract::{Timestamp, Value};
use contexta::{Answer, Direction, ImportSettings, ImportSource, Options};
use std::collections::{BTreeMap, BTreeSet};

/// The objects of a workspace that determine lineage.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    /// The relations, by ref.
    relations: BTreeMap<String, Value>,
    /// The provenance records, by ref.
    provenance: BTreeMap<String, Value>,
    /// The artifacts, each with its stage.
    artifacts: BTreeMap<String, Option<String>>,
    stages: BTreeSet<String>,
    /// The deployments, each with its artifact, run and environment.
    deployments: BTreeMap<String, [Option<String>; 3]>,
}

/// A walk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk<'a> {
    pub(super) root: &'a str,
    pub(super) direction: &'a str,
    pub(super) depth_max: Option<usize>,
}

fn kind(subject: &str) -> &str {
    subject.split(':').next().unwrap()
}

fn components(subject: &str) -> Vec<&str> {
    subject.split(':').nth(1).unwrap().split('.').collect()
}

/// Returns the run that a ref belongs to.
fn run_of(subject: &str) -> Option<String> {
    let kinds = ["run", "stage", "batch", "sample", "op", "record", "artifact", "environment"];
    let parts = components(subject);
    (kinds.contains(&kind(subject)) && parts.len() > 1).then(|| format!("run:{}.{}", parts[0], parts[1]))
}

impl Lineage {
    /// Adds the object in a line of the interchange file.
    pub(super) fn add(&mut self, line: &Value) {
        let object = line.get("object").unwrap();
        match line.get("kind").and_then(Value::as_str).unwrap() {
            "relation" => {
                self.relations.insert(text(object, "relation_ref").unwrap(), object.clone());
            }
            "provenance" => {
                self.provenance.insert(text(object, "provenance_ref").unwrap(), object.clone());
            }
            "artifact" => {
                let manifest = object.get("manifest").unwrap_or(object);
                let stage = text(manifest, "stage_execution_ref");
                self.artifacts.insert(text(manifest, "artifact_ref").unwrap(), stage);
            }
            "stage" => {
                self.stages.insert(text(object, "stage_execution_ref").unwrap());
            }
            "deployment" => {
                let named = ["artifact_ref", "run_ref", "environment_snapshot_ref"];
                let named = named.map(|member| text(object, member));
                self.deployments.insert(text(object, "deployment_execution_ref").unwrap(), named);
            }
            _ => {}
        }
    }

    /// Returns `true` if a walk that reaches `at` follows the relations of `member`.
    fn is_member(&self, member: &str, at: &str, direction: &str) -> bool {
        if member == at {
            return true;
        }
        let (of, whole) = (components(member), components(at));
        let is_below = of.len() > whole.len() && of[..whole.len()] == whole[..];
        if direction == "both" {
            return match (kind(at), kind(member)) {
                ("run", "stage") => is_below && self.stages.contains(member),
                ("run", "artifact") => is_below && self.artifacts.contains_key(member),
                ("run", "deployment") => {
                    let named = self.deployments.get(member);
                    named.is_some_and(|named| named[1].as_deref() == Some(at))
                }
                ("stage", "artifact") => {
                    self.artifacts.get(member).is_some_and(|stage| stage.as_deref() == Some(at))
                }
                _ => false,
            };
        }
        let is_part = match (kind(at), kind(member)) {
            ("run", "artifact" | "batch" | "environment" | "op" | "record" | "sample" | "stage") => is_below,
            ("stage", "batch" | "op" | "sample") | ("batch", "op" | "sample") => is_below,
            ("stage", "artifact") => {
                self.artifacts.get(member).is_some_and(|stage| stage.as_deref() == Some(at))
            }
            _ => false,
        };
        let is_above = whole.len() > of.len() && whole[..of.len()] == of[..];
        let is_whole = match (direction, kind(at)) {
            ("upstream" | "downstream", "stage" | "batch" | "sample" | "op") => is_above,
            ("upstream", "artifact" | "record") => is_above,
            _ => false,
        };
        // The components of a batch and of a sample outside batches may be equal; only batches contain something.
        is_part || (is_whole && ["run", "stage", "batch"].contains(&kind(member)))
    }

    /// Returns the answer to a walk, in the form of the reference.
    pub(super) fn answer(&self, walk: Walk<'_>) -> Value {
        let Walk { root, direction, depth_max } = walk;
        let mut visited = vec![(root.to_owned(), 0usize)];
        let mut edges: BTreeMap<String, (String, usize)> = BTreeMap::new();
        let mut found = Vec::new();
        let mut has_relations = false;
        let mut next = 0;
        while next < visited.len() {
            let (at, depth) = visited[next].clone();
            next += 1;
            let reach = |to: &str, visited: &mut Vec<(String, usize)>| {
                let is_deepest = depth_max.is_some_and(|depth_max| depth >= depth_max);
                if !is_deepest && visited.iter().all(|(other, _)| other != to) {
                    visited.push((to.to_owned(), depth + 1));
                }
            };
            for (own, relation) in &self.relations {
                let (source, target) =
                    (text(relation, "source_ref").unwrap(), text(relation, "target_ref").unwrap());
                let is_member = |end: &str| self.is_member(end, &at, direction);
                let is_touched = is_member(&source) || is_member(&target);
                has_relations |= is_touched && next == 1;
                if !is_touched || edges.contains_key(own) {
                    continue;
                }
                let is_reversed = text(relation, "relation_type").unwrap() == "consumed_by";
                let leads_to_target = match direction {
                    "outbound" => true,
                    "inbound" => false,
                    "upstream" => !is_reversed,
                    "downstream" => is_reversed,
                    _ => {
                        let (seen, ends) = match () {
                            () if source == at => ("outbound", vec![&target]),
                            () if target == at => ("inbound", vec![&source]),
                            () => ("both", vec![&source, &target]),
                        };
                        edges.insert(own.clone(), (seen.to_owned(), depth));
                        found.push(own.clone());
                        ends.into_iter().for_each(|end| reach(end, &mut visited));
                        continue;
                    }
                };
                let (start, end) = if leads_to_target { (&source, &target) } else { (&target, &source) };
                if is_member(start) {
                    edges.insert(own.clone(), (direction.to_owned(), depth));
                    found.push(own.clone());
                    reach(end, &mut visited);
                }
            }
            if direction == "both" {
                continue;
            }
            let links = self.deployments.iter().flat_map(|(deployment, named)| {
                let [artifact, run, environment] = named;
                let named = [artifact, run, environment].into_iter().flatten();
                named.map(move |named| (deployment.clone(), named.clone()))
            });
            for (deployment, named) in links.collect::<BTreeSet<_>>() {
                let (start, end) = match direction {
                    "upstream" | "outbound" => (&deployment, &named),
                    _ => (&named, &deployment),
                };
                if self.is_member(start, &at, direction) {
                    reach(end, &mut visited);
                }
            }
        }
        let mut notes = Vec::new();
        if !has_relations {
            let details = Value::map([("root_ref", Value::text(root))]);
            notes.push(note("info", "lineage_root_has_no_relations", details));
        }
        let mut links = Vec::new();
        for link in found.iter().flat_map(|own| self.links(own)) {
            if !links.contains(&link) {
                links.push(link);
            }
        }
        Value::map([
            ("root_ref", Value::text(root)),
            ("visited_refs", Value::list(visited.iter().map(|(subject, _)| subject.as_str()))),
            ("edges", Value::list(edges.iter().map(|(own, (seen, depth))| self.edge(own, seen, *depth)))),
            ("completeness_notes", Value::list(notes)),
            ("evidence_links", Value::list(links)),
        ])
    }

    fn links(&self, own: &str) -> Vec<Value> {
        let relation = &self.relations[own];
        let [source, target] = ["source_ref", "target_ref"].map(|member| text(relation, member).unwrap());
        vec![
            link("relation", own, &text(relation, "relation_type").unwrap()),
            link("ref", &source, &source),
            link("ref", &target, &target),
        ]
    }

    fn edge(&self, own: &str, seen: &str, depth: usize) -> Value {
        let relation = &self.relations[own];
        let member = |name: &str| Value::from(text(relation, name));
        Value::map([
            ("relation_ref", Value::text(own)),
            ("source_ref", member("source_ref")),
            ("target_ref", member("target_ref")),
            ("relation_type", member("relation_type")),
            ("recorded_at", member("recorded_at")),
            ("direction", Value::text(seen)),
            ("depth", depth.into()),
            ("provenance", self.provenance_of(own)),
            ("evidence_links", Value::list(self.links(own))),
        ])
    }

    /// Returns the newest provenance record of a relation.
    pub(super) fn provenance_of(&self, relation: &str) -> Value {
        let of = self.provenance.iter().filter(|(_, p)| text(p, "relation_ref").as_deref() == Some(relation));
        let newest = of.max_by_key(|(own, p)| {
            (text(p, "asserted_at").unwrap().parse::<Timestamp>().unwrap(), (*own).clone())
        });
        let Some((own, _)) = newest else { return Value::Null };
        let ends = ["source_ref", "target_ref"].map(|member| text(&self.relations[relation], member));
        self.view(own, ends.iter().flatten().find_map(|end| run_of(end)))
    }

    /// Returns the newest provenance record of the relations that touch a run, its stages, artifacts or deployments.
    pub(super) fn provenance_of_run(&self, run: &str, rules: Rules) -> Value {
        let is_touching = |relation: &&Value| {
            let ends = ["source_ref", "target_ref"].map(|member| text(relation, member).unwrap());
            ends.iter().any(|end| self.is_member(end, run, "both"))
        };
        let relations: BTreeSet<String> =
            self.relations.values().filter(is_touching).map(|of| text(of, "relation_ref").unwrap()).collect();
        let of =
            self.provenance.iter().filter(|(_, p)| relations.contains(&text(p, "relation_ref").unwrap()));
        let newest = of.max_by_key(|(own, p)| {
            (time(&text(p, "asserted_at").unwrap(), rules), text(p, "relation_ref"), (*own).clone())
        });
        newest.map_or(Value::Null, |(own, _)| self.view(own, Some(run.to_owned())))
    }

    /// Returns a provenance record in the form of the reference.
    fn view(&self, own: &str, run: Option<String>) -> Value {
        let record = &self.provenance[own];
        let member = |name: &str| Value::from(text(record, name));
        Value::map([
            ("run_id", run.into()),
            ("provenance_ref", Value::text(own)),
            ("relation_ref", member("relation_ref")),
            ("assertion_mode", member("assertion_mode")),
            ("asserted_at", member("asserted_at")),
            ("formation_context_ref", member("formation_context_ref")),
            ("policy_ref", member("policy_ref")),
            ("evidence_bundle_ref", member("evidence_bundle_ref")),
        ])
    }
}

/// Refs between which the generated relations are chosen. The workspace does not have the artifact `ghost`.
const ENDS: [&str; 18] = [
    "project:p",
    "run:p.a",
    "run:p.b",
    "stage:p.a.s",
    "stage:p.b.s",
    "batch:p.a.s.b",
    "sample:p.a.s.b.x",
    "sample:p.a.s.x",
    "op:p.a.s.o",
    "op:p.a.s.b.o",
    "artifact:p.a.m",
    "artifact:p.a.n",
    "artifact:p.b.m",
    "artifact:p.a.ghost",
    "environment:p.a.e",
    "record:p.a.r",
    "deployment:p.d",
    "deployment:p.e",
];

const TYPES: [&str; 4] = ["consumed_by", "produced_by", "derived_from", "used"];

/// Returns the lines of an interchange file: objects for the refs in [`ENDS`], deployments with the given artifacts,
/// and relations.
fn generated(relations: &[(usize, usize, usize)], deployed: &[Option<usize>; 2]) -> String {
    let at = "2026-01-01T00:00:00Z";
    let mut lines = vec![format!(
        r#"{{"kind":"project","object":{{"project_ref":"project:p","name":"p","created_at":"{at}"}}}}"#
    )];
    for run in ["a", "b"] {
        lines.push(format!(
            r#"{{"kind":"run","object":{{"run_ref":"run:p.{run}","project_ref":"project:p","name":"{run}","status":"open","started_at":"{at}"}}}}"#
        ));
    }
    for (own, artifact) in ["d", "e"].iter().zip(deployed) {
        let artifact =
            artifact.map(|n| format!(r#""artifact_ref":"{}","#, ENDS[10 + n % 3])).unwrap_or_default();
        let run = if *own == "d" {
            r#""run_ref":"run:p.a","environment_snapshot_ref":"environment:p.a.e","#
        } else {
            ""
        };
        lines.push(format!(
            r#"{{"kind":"deployment","object":{{"deployment_execution_ref":"deployment:p.{own}","deployment_name":"{own}","project_ref":"project:p",{artifact}{run}"status":"open","started_at":"{at}"}}}}"#
        ));
    }
    for run in ["a", "b"] {
        lines.push(format!(
            r#"{{"kind":"stage","object":{{"stage_execution_ref":"stage:p.{run}.s","run_ref":"run:p.{run}","stage_name":"s","status":"open","started_at":"{at}"}}}}"#
        ));
    }
    for (n, (source, target, relation)) in relations.iter().enumerate() {
        let (source, target) = (source % ENDS.len(), target % ENDS.len());
        if source != target {
            let (source, target, relation) = (ENDS[source], ENDS[target], TYPES[relation % TYPES.len()]);
            lines.push(format!(
                r#"{{"kind":"relation","object":{{"relation_ref":"relation:e-{n}","relation_type":"{relation}","source_ref":"{source}","target_ref":"{target}","recorded_at":"{at}","origin_marker":"explicit","confidence_marker":"high"}}}}"#
            ));
        }
    }
    for (artifact, stage) in [
        ("p.a.m", r#""stage_execution_ref":"stage:p.a.s","#),
        ("p.a.n", ""),
        ("p.b.m", r#""stage_execution_ref":"stage:p.b.s","#),
    ] {
        let run = &artifact[..3];
        lines.push(format!(
            r#"{{"kind":"artifact","object":{{"artifact_ref":"artifact:{artifact}","artifact_kind":"model","run_ref":"run:{run}",{stage}"created_at":"{at}","producer_ref":"t","location_ref":"{artifact}"}}}}"#
        ));
    }
    lines.join("\n")
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(16))]

    #[test]
    fn walks_over_random_graphs_equal_the_model(
        relations in proptest::collection::vec((0..18usize, 0..18usize, 0..4usize), 0..24),
        deployed in proptest::array::uniform2(proptest::option::of(0..3usize)),
    ) {
        let text = generated(&relations, &deployed);
        let mut model = Lineage::default();
        text.lines().for_each(|line| model.add(&parse(line).unwrap()));
        let dir = TempDir::new("random-lineage");
        let contexta = Options::new(dir.path()).detect_code_revision(false).open().unwrap();
        let source = ImportSource::Reader("lines", &mut text.as_bytes());
        contexta.import_jsonl(source, ImportSettings::default()).unwrap();
        for root in ENDS {
            for direction in Direction::ALL {
                for depth_max in [Some(0), Some(1), Some(3), None] {
                    let walk = Walk { root, direction: direction.as_str(), depth_max };
                    let got = contexta.traverse_lineage(root, direction, depth_max).unwrap().to_value();
                    let difference = values("$", &model.answer(walk), &got);
                    proptest::prop_assert_eq!(difference, Ok(()), "{:?}\n{}", walk, text);
                }
            }
        }
    }
}
