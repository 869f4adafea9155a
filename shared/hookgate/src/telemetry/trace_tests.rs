use super::*;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const XRAY: &str = "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=1";

fn read(traceparent: &str, tracestate: &str, xray: &str) -> Option<Trace> {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Trace::read(&TraceHeaders {
        traceparent: given(traceparent),
        tracestate: given(tracestate),
        xray: given(xray),
    })
}

#[test]
fn a_trace_goes_on_as_it_came() {
    let trace = read(PARENT, "rojo=00f067aa0ba902b7,\tcongo=t61rcWkgMzE", XRAY).expect("a trace");
    assert_eq!(trace.id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(
        trace.tracestate(),
        Some("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
    );
    assert_eq!(trace.traceparent(), Some(PARENT));
    assert_eq!(trace.xray(), Some(XRAY));
}

#[test]
fn an_x_ray_trace_has_the_id_that_others_write_without_hyphens() {
    let trace = read("", "rojo=1", XRAY).expect("a trace");
    assert_eq!(trace.id(), "67891233abcdef012345678912345678");
    assert_eq!((trace.traceparent(), trace.tracestate()), (None, None));
    let lambda =
        "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=0;Lineage=1:a8:0";
    let kept = "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=0";
    assert_eq!(read("", "", lambda).expect("a trace").xray(), Some(kept));
}

#[test]
fn a_version_to_come_is_read_as_far_as_it_is_known() {
    let later = PARENT.replacen("00", "01", 1);
    for text in [later.clone(), format!("{later}-what-is-new")] {
        let trace = read(&text, "", "").expect("a trace");
        assert_eq!(trace.traceparent(), Some(PARENT), "{text}");
    }
}

#[test]
fn what_is_no_trace_is_dropped() {
    let parents = [
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\n",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-012",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-é",
        "\"},{\"",
    ];
    for text in parents {
        assert_eq!(read(text, "a=b", ""), None, "{text}");
    }
    let headers = [
        "Root=1-67891233-abcdef01234567891234567",
        "Root=1-67891233-abcdef01234567891234567\n",
        "Root=2-67891233-abcdef012345678912345678",
        "Parent=463ac35c9f6413ad;Sampled=1",
        "Root=1-67891233-abcdef012345678912345678;Root=1-67891233-abcdef012345678912345678",
        "Root=1-67891233-abcdef012345678912345678;Parent=x",
        "Root=1-67891233-abcdef012345678912345678;Sampled=yes",
        "1-67891233-abcdef012345678912345678",
    ];
    for text in headers {
        assert_eq!(read("", "", text), None, "{text}");
    }
}

#[test]
fn a_state_that_is_not_one_is_dropped_alone() {
    let many = vec!["a=b"; 33].join(",");
    let long = format!("a={}", "b".repeat(300));
    for state in [
        "a",
        "=b",
        "A=b",
        "a=",
        "a=b=c",
        "a=\u{1b}[1m",
        "a=é",
        &many,
        &long,
    ] {
        let trace = read(PARENT, state, "").expect("the parent is right");
        assert_eq!(trace.tracestate(), None, "{state}");
    }
}

#[test]
fn a_trace_that_is_written_down_reads_back() {
    let trace = read(PARENT, "a=b", XRAY).expect("a trace");
    let text = serde_json::to_string(&trace).expect("JSON");
    assert_eq!(serde_json::from_str::<Trace>(&text).expect("reads"), trace);
    assert!(serde_json::from_str::<Trace>(r#"{"traceparent":"x"}"#).is_err());
}

#[test]
fn a_trace_that_x_ray_was_told_not_to_record_is_nowhere_to_be_found() {
    let id = "Root=1-67891233-abcdef012345678912345678";
    for (parent, xray, is_recorded) in [
        ("", format!("{id};Sampled=0"), false),
        ("", format!("{id};Sampled=1"), true),
        ("", id.to_owned(), true),
        (PARENT, format!("{id};Sampled=0"), true),
    ] {
        let trace = read(parent, "", &xray).expect("a trace");
        assert_eq!(trace.is_recorded(), is_recorded, "{parent} {xray}");
    }
}
