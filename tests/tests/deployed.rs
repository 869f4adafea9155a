//! The template as it is deployed: what the API, the queue and the event source mapping make of a
//! signed request. On an AWS-compatible server that runs all three.

use hookgate_tests::cloud::Cloud;
use hookgate_tests::deployment::{Deployment, PRODUCT_SECRET};
use hookgate_tests::gateway::unix_s;
use hookgate_tests::provider;

#[tokio::test]
#[ignore = "needs an AWS-compatible server and the translated template: run tests/scripts/run.sh"]
async fn each_systems_event_goes_all_the_way_through_the_deployed_template() {
    let deployment = Deployment::new().await;
    let cloud = Cloud::deploy(&deployment, &[]).await;
    for sample in deployment.samples("deployed") {
        let (source, path) = (sample.source, sample.path());
        let first = cloud.send(&path, &sample.good).await;
        assert_eq!(
            (first.status, first.word.as_str()),
            (200, "accepted"),
            "{source}"
        );
        assert_eq!(
            cloud.ended(&first.key).await,
            ("D".into(), "1".into()),
            "{source}"
        );
        let again = cloud.send(&path, &sample.good).await;
        assert_eq!(
            (again.status, again.word.as_str()),
            (200, "duplicate"),
            "{source}"
        );
        let altered = cloud.send(&path, &sample.altered()).await;
        assert_eq!(i64::from(altered.status), sample.refused, "{source}");
        let shown = format!("/admin/events/{}", first.key);
        let (_, seen) = cloud.ask(&shown, true).await;
        assert_eq!(seen["state"], "done", "{source}: {seen}");
        assert_eq!(cloud.ask(&shown, false).await.0, 403, "{source}");
        assert_eq!(
            cloud.ended(&first.key).await,
            ("D".into(), "1".into()),
            "{source}"
        );
    }

    let poison = br#"{"id":"evt_poison","type":"project.created","data":7}"#;
    let poison = provider::product(PRODUCT_SECRET, unix_s(), poison);
    let sent = cloud.send("/webhooks/product/tenant-1", &poison).await;
    assert_eq!(sent.status, 200);
    assert_eq!(cloud.ended(&sent.key).await, ("X".into(), "1".into()));
    assert_eq!(cloud.stack.take_dead_letters().await.len(), 1);
}

#[tokio::test]
#[ignore = "needs an AWS-compatible server and the translated template: run tests/scripts/run.sh"]
async fn an_event_goes_through_function_urls_and_operators_see_it() {
    let deployment = Deployment::new().await;
    let cloud = Cloud::deploy(&deployment, &[("Endpoint", "FunctionUrl")]).await;
    let samples = deployment.samples("urls");
    let sample = &samples[0];
    let sent = cloud.send(&sample.path(), &sample.good).await;
    assert_eq!((sent.status, sent.word.as_str()), (200, "accepted"));
    assert_eq!(cloud.ended(&sent.key).await, ("D".into(), "1".into()));
    let shown = format!("/admin/events/{}", sent.key);
    let (_, seen) = cloud.ask(&shown, true).await;
    assert_eq!(seen["state"], "done", "{seen}");
    assert_eq!(cloud.ask(&shown, false).await.0, 403);
}
