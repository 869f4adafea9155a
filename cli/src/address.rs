use std::net::{SocketAddr, ToSocketAddrs};

const PORT: u16 = 9000;

/// Reads an address to listen on: `HOST:PORT`, or one of them alone. A name is looked up.
pub(crate) fn parse(text: &str) -> Result<SocketAddr, String> {
    let problem =
        || format!("write an address such as 127.0.0.1:{PORT}, localhost:{PORT} or {PORT}");
    // The system would read a number as an address: 9000 is 0.0.35.40.
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let port: u16 = text.parse().map_err(|_| problem())?;
        return Ok(([127, 0, 0, 1], port).into());
    }
    let with_port = text.to_socket_addrs();
    let found = with_port.or_else(|_| (text.trim_matches(['[', ']']), PORT).to_socket_addrs());
    let found: Vec<SocketAddr> = found.map_err(|_| problem())?.collect();
    let v4 = found.iter().find(|address| address.is_ipv4());
    v4.or(found.first()).copied().ok_or_else(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_or_a_host_may_stand_alone() {
        for (text, expected) in [
            ("127.0.0.2:80", "127.0.0.2:80"),
            ("8080", "127.0.0.1:8080"),
            ("0", "127.0.0.1:0"),
            ("localhost:8080", "127.0.0.1:8080"),
            ("localhost", "127.0.0.1:9000"),
            ("0.0.0.0", "0.0.0.0:9000"),
            ("[::1]:80", "[::1]:80"),
            ("::1", "[::1]:9000"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), expected, "{text}");
        }
        for wrong in ["", ":", "70000", "a b:80", "127.0.0.1:"] {
            let error = parse(wrong).unwrap_err();
            assert!(error.contains("localhost:9000"), "{wrong}: {error}");
        }
    }
}
