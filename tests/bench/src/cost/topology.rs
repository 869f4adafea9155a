//! The ways to run the gateway that are compared.

use hookgate::config::IngestOrder;

use super::run::Run;
use super::stack::Stack;

/// The service that passes requests to ingest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    HttpApi,
    FunctionUrl,
    /// A load balancer. The template has none; ingest reads its events.
    Alb,
}

/// A way to run the gateway.
#[derive(Clone, Debug)]
pub(super) struct Topology {
    pub(super) name: &'static str,
    pub(super) endpoint: Endpoint,
    pub(super) run: Run,
    /// On arm64, and not x86_64.
    pub(super) arm64: bool,
    /// With point-in-time recovery of the table.
    pub(super) backups: bool,
}

impl Topology {
    /// The template's default, with bodies of so many bytes.
    fn default(bytes: u32, stack: &Stack) -> Topology {
        Topology {
            name: "http-api",
            endpoint: Endpoint::HttpApi,
            run: Run {
                bytes,
                batch: 10,
                order: IngestOrder::RecordFirst,
                archive: true,
                filter: "info",
            },
            arm64: true,
            backups: stack.backups,
        }
    }

    /// Each endpoint, with default settings and batches of 1, 2 and 10.
    pub(super) fn all(bytes: u32, stack: &Stack) -> Vec<Topology> {
        let default = Topology::default(bytes, stack);
        use IngestOrder::{QueueFirst, RecordFirst};
        let named = [
            ("http-api", Endpoint::HttpApi, RecordFirst),
            ("function-url", Endpoint::FunctionUrl, RecordFirst),
            ("alb", Endpoint::Alb, RecordFirst),
            ("queue-first-http-api", Endpoint::HttpApi, QueueFirst),
            (
                "queue-first-function-url",
                Endpoint::FunctionUrl,
                QueueFirst,
            ),
        ];
        let batches = named
            .iter()
            .flat_map(|named| [10, 2, 1].map(|batch| (named, batch)));
        let all = batches.map(|(&(name, endpoint, order), batch)| Topology {
            name,
            endpoint,
            run: Run {
                batch,
                order,
                ..default.run.clone()
            },
            ..default.clone()
        });
        all.collect()
    }

    /// The default with one setting changed.
    pub(super) fn changed(bytes: u32, stack: &Stack) -> [Topology; 6] {
        let changed = |name, change: fn(&mut Topology)| {
            let mut topology = Topology::default(bytes, stack);
            topology.name = name;
            change(&mut topology);
            topology
        };
        [
            changed("`Architecture: x86_64`", |way| way.arm64 = false),
            changed("`archive = \"none\"`", |way| way.run.archive = false),
            changed("`LogFilter: warn`", |way| way.run.filter = "warn"),
            changed("`PointInTimeRecovery: true`", |way| way.backups = true),
            changed("bodies of 100 KB", |way| way.run.bytes = 100 * 1024),
            changed("bodies of 1 MB, in S3", |way| way.run.bytes = 1024 * 1024),
        ]
    }
}
