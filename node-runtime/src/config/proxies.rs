//! Whom a server believes about where requests come from.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Mistakes;
use crate::cli::args::proxies::ProxiesArgs;

/// Networks, in the order in which they were named.
pub type TrustedProxies = Vec<IpNet>;

pub(super) fn parse(mistakes: &mut Mistakes, args: &ProxiesArgs) -> Option<TrustedProxies> {
    let texts = args.trusted_proxies.split(',').map(str::trim);
    let texts = texts.filter(|text| !text.is_empty());
    let networks: Vec<_> = texts
        .map(|text| mistakes.flag("--trusted-proxies", text, network))
        .collect();
    networks.into_iter().collect()
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, &'static str> {
    let advice = "write a network or an address, as in 10.0.0.0/8, fd00::/8 or 192.0.2.7";
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse().map_err(|_| advice)?,
    };
    Ok(network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_addresses_are_read_and_every_mistake_is_said() {
        let parsed = |text: &str| {
            let mut mistakes = Mistakes::default();
            let args = ProxiesArgs {
                trusted_proxies: text.to_owned(),
            };
            let networks = parse(&mut mistakes, &args);
            mistakes.finish(|| networks)
        };
        let texts = |text: &str| -> Vec<String> {
            let networks = parsed(text).expect("networks");
            networks.iter().map(ToString::to_string).collect()
        };
        assert_eq!(texts(""), [""; 0]);
        assert_eq!(
            texts("10.1.2.3/8, fd00::/8,192.0.2.7,"),
            ["10.0.0.0/8", "fd00::/8", "192.0.2.7/32"]
        );
        let error = parsed("10.0.0.0/33,::1,proxy.example").expect_err("two mistakes");
        assert_eq!(error.0.len(), 2, "{error}");
        assert!(error.0[1].starts_with("--trusted-proxies \"proxy.example\": write a network"));
    }
}
