//! Message move tasks, which bring dead letters back. Neither of the other servers has them.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>

use std::time::Duration;

use aws_sdk_sqs::operation::start_message_move_task::builders::StartMessageMoveTaskFluentBuilder;
use aws_sdk_sqs::types::{
    ListMessageMoveTasksResultEntry as Task, MessageSystemAttributeName as System,
    QueueAttributeName as Attribute,
};
use tokio::time::{sleep, timeout};

use crate::server::{Server, refusal, system};

suite! {
    a_move_task_brings_dead_letters_back_as_new_messages,
    a_move_task_may_name_another_queue,
    a_move_task_fails_when_a_message_comes_from_no_queue,
    a_move_task_needs_a_dead_letter_queue,
    a_move_task_moves_to_a_queue_that_exists,
    a_move_tasks_pace_is_five_hundred_a_second_at_most,
    one_move_task_runs_at_a_time_and_can_be_cancelled,
    a_move_task_that_is_over_cannot_be_cancelled,
}

impl Server {
    /// A queue and its dead-letter queue, with so many dead letters, whose ids it returns.
    async fn dead_letters(&self, count: usize) -> (String, String, Vec<String>) {
        let (queue, dead) = self.queue_with_dead_letters(1).await;
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.send(&queue, "x").await);
        }
        for _ in 0..2 {
            self.poll_for(&queue, 0).await;
        }
        (queue, dead, ids)
    }

    async fn start(&self, dead: &str) -> StartMessageMoveTaskFluentBuilder {
        let start = self.client.start_message_move_task();
        start.source_arn(self.arn(dead).await)
    }

    /// The latest task of the dead-letter queue.
    async fn task(&self, dead: &str) -> Task {
        let list = self.client.list_message_move_tasks();
        let list = list.source_arn(self.arn(dead).await).max_results(10);
        let listed = list.send().await.expect("the queue is there");
        let mut tasks = listed.results.unwrap_or_default();
        tasks.swap_remove(0)
    }

    /// The latest task, as soon as it is as `wanted`.
    async fn task_once(&self, dead: &str, wanted: impl Fn(&Task) -> bool) -> Task {
        let wait = async {
            loop {
                let task = self.task(dead).await;
                if wanted(&task) {
                    return task;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        let found = timeout(Duration::from_secs(20), wait).await;
        found.expect("the task gets there")
    }

    /// The latest task, when it is over.
    async fn ended_task(&self, dead: &str) -> Task {
        let ended = |task: &Task| {
            let status = task.status.as_deref();
            !matches!(status, Some("RUNNING" | "CANCELLING"))
        };
        self.task_once(dead, ended).await
    }

    async fn cancel(&self, handle: &str) -> Result<i64, String> {
        let cancel = self.client.cancel_message_move_task().task_handle(handle);
        match cancel.send().await {
            Ok(cancelled) => Ok(cancelled.approximate_number_of_messages_moved),
            refused => Err(refusal(refused)),
        }
    }
}

async fn a_move_task_brings_dead_letters_back_as_new_messages(server: Server) {
    let (queue, dead, ids) = server.dead_letters(3).await;
    let started = server.start(&dead).await.send().await;
    assert!(started.expect("it starts").task_handle.is_some());
    let task = server.ended_task(&dead).await;
    assert_eq!(task.status.as_deref(), Some("COMPLETED"));
    assert_eq!(task.approximate_number_of_messages_moved, 3);
    assert_eq!(task.approximate_number_of_messages_to_move, Some(3));
    assert!(server.is_empty(&dead).await);
    let back = server.poll(&queue).await;
    assert_eq!(back.len(), 3);
    for message in &back {
        let id = message.message_id.as_ref().expect("a message has an id");
        assert!(!ids.contains(id), "it kept its id");
        let count = system(message, System::ApproximateReceiveCount);
        assert_eq!(count, Some("1"));
    }
}

async fn a_move_task_may_name_another_queue(server: Server) {
    let (queue, dead, _) = server.dead_letters(1).await;
    let other = server.queue_with("other", &[]).await;
    let start = server.start(&dead).await;
    let start = start.destination_arn(server.arn(&other).await);
    start.send().await.expect("it starts");
    let task = server.ended_task(&dead).await;
    assert_eq!(task.destination_arn, Some(server.arn(&other).await));
    server.one(&other).await;
    assert!(server.is_empty(&queue).await);
}

async fn a_move_task_fails_when_a_message_comes_from_no_queue(server: Server) {
    let (_, dead, _) = server.dead_letters(0).await;
    server.send(&dead, "sent straight to it").await;
    let started = server.start(&dead).await.send().await;
    started.expect("it starts");
    let task = server.ended_task(&dead).await;
    assert_eq!(task.status.as_deref(), Some("FAILED"));
    assert!(task.failure_reason.is_some());
    server.one(&dead).await;
}

async fn a_move_task_needs_a_dead_letter_queue(server: Server) {
    let plain = server.queue().await;
    server.send(&plain, "x").await;
    let started = server.start(&plain).await.send().await;
    assert_eq!(refusal(started), "InvalidParameterValue");
    server.one(&plain).await;
}

async fn a_move_task_moves_to_a_queue_that_exists(server: Server) {
    let (_, dead, _) = server.dead_letters(0).await;
    let nowhere = format!("{}-missing", server.arn(&dead).await);
    let start = server.start(&dead).await.destination_arn(nowhere);
    assert_eq!(refusal(start.send().await), "ResourceNotFoundException");
}

async fn a_move_tasks_pace_is_five_hundred_a_second_at_most(server: Server) {
    let (_, dead, _) = server.dead_letters(1).await;
    for pace in [0, 501] {
        let start = server.start(&dead).await;
        let start = start.max_number_of_messages_per_second(pace);
        let refused = refusal(start.send().await);
        assert_eq!(refused, "InvalidParameterValue", "{pace}");
    }
    server.one(&dead).await;
}

async fn one_move_task_runs_at_a_time_and_can_be_cancelled(server: Server) {
    let (queue, dead, _) = server.dead_letters(9).await;
    let start = server.start(&dead).await;
    let start = start.max_number_of_messages_per_second(1);
    let started = start.clone().send().await.expect("it starts");
    refusal(start.send().await);
    server
        .task_once(&dead, |task| task.approximate_number_of_messages_moved > 0)
        .await;
    let task = started.task_handle.expect("a task has a handle");
    let moved = server.cancel(&task).await.expect("it runs");
    assert!((1..9).contains(&moved), "{moved} at one a second");
    let ended = server.ended_task(&dead).await;
    assert_eq!(ended.status.as_deref(), Some("CANCELLED"));
    let visible = Attribute::ApproximateNumberOfMessages;
    assert_eq!(server.attributes(&queue).await[&visible], moved.to_string());
}

async fn a_move_task_that_is_over_cannot_be_cancelled(server: Server) {
    let (_, dead, _) = server.dead_letters(0).await;
    let started = server.start(&dead).await.send().await;
    let task = started.expect("it starts").task_handle;
    server.ended_task(&dead).await;
    let cancelled = server.cancel(&task.expect("it has a handle")).await;
    assert_eq!(cancelled, Err("ResourceNotFoundException".to_owned()));
}
