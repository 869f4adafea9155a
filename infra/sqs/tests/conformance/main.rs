//! The behaviour of SQS, asked of our engine and of two independent servers.
//!
//! A case asserts what AWS documents, and nothing that AWS leaves open. Where a server is known to do
//! something else, [`deviations`] says so; a case that passes in spite of that fails, so that the list
//! stays true.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html>

/// Asks each case of every server: `ours::CASE`, `ministack::CASE` and `fauxqs::CASE`.
macro_rules! suite {
    ($($case:ident,)*) => {
        mod ours {
            $(#[tokio::test] async fn $case() {
                super::$case(crate::server::Server::ours().await).await;
            })*
        }
        mod ministack {
            $(#[tokio::test] #[ignore = "needs an SQS that is not ours: run tests/scripts/run.sh"]
            async fn $case() {
                let case = (module_path!(), stringify!($case));
                crate::servers::Other::Ministack.ask(case, super::$case).await;
            })*
        }
        mod fauxqs {
            $(#[tokio::test] #[ignore = "needs an SQS that is not ours: run tests/scripts/run.sh"]
            async fn $case() {
                let case = (module_path!(), stringify!($case));
                crate::servers::Other::Fauxqs.ask(case, super::$case).await;
            })*
        }
    };
}

mod attributes;
mod batches;
mod codes;
mod dead_letters;
mod deviations;
mod durability;
mod handles;
mod moves;
mod queues;
mod receiving;
mod sending;
mod server;
mod servers;
mod time;
mod visibility;
