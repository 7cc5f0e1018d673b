//! Folders that the program may read: where it sees them, and what is in them.

use std::path::PathBuf;

use super::collect::Collector;
use super::references;
use super::{Place, ValidVolume, VolumeContent};
use crate::wagi_route::{Volume, WagiRouteSpec};

const MOST_VOLUMES: usize = 16;
const LONGEST_MOUNT_PATH: usize = 256;
/// Linux's own `PATH_MAX`.
const LONGEST_HOST_PATH: usize = 4096;

const MOUNT_PATH_ADVICE: &str = "write an absolute path, as in /site";

pub(super) fn volumes(
    collector: &mut Collector,
    place: Place,
    spec: &WagiRouteSpec,
) -> Vec<ValidVolume> {
    let written = spec.volumes.as_deref().unwrap_or_default();
    collector.most("spec.volumes", written, MOST_VOLUMES);
    let mut mounted: Vec<(usize, String)> = Vec::with_capacity(written.len());
    let mut volumes = Vec::with_capacity(written.len());
    for (index, volume) in written.iter().enumerate() {
        let content = content(collector, place, &format!("spec.volumes[{index}]"), volume);
        let field = format!("spec.volumes[{index}].mountPath");
        let written = volume.mount_path.as_deref();
        let mount = collector.required(&field, written, MOUNT_PATH_ADVICE, mount_path);
        let Some(mount_path) = mount else { continue };
        if let Some((earlier, relation)) = mounted
            .iter()
            .find_map(|(index, other)| Some((index, relation(&mount_path, other)?)))
        {
            let advice =
                format!("{relation} spec.volumes[{earlier}].mountPath; write another path");
            // An API server judges a list of volumes as one.
            let field = match (place, relation) {
                (Place::Local, _) => field,
                (Place::Cluster, SAME) => format!("spec.volumes[{index}]"),
                (Place::Cluster, _) => "spec.volumes".to_owned(),
            };
            collector.violation(field, &mount_path, advice);
        }
        mounted.push((index, mount_path.clone()));
        if let Some(content) = content {
            volumes.push(ValidVolume {
                mount_path,
                content,
            });
        }
    }
    volumes
}

/// A folder of this machine, or an object; only one of them, and no folder on a cluster.
fn content(
    collector: &mut Collector,
    place: Place,
    field: &str,
    volume: &Volume,
) -> Option<VolumeContent> {
    let of_host = volume.host_path.as_deref();
    if let (Place::Cluster, Some(path)) = (place, of_host) {
        let advice =
            "a cluster has no folders of this machine; write configMap or secret, or leave it out";
        collector.violation(format!("{field}.hostPath"), path, advice.to_owned());
        return None;
    }
    let object = references::object(
        collector,
        field,
        ("configMap", volume.config_map.as_ref()),
        ("secret", volume.secret.as_ref()),
        match (place, of_host) {
            (Place::Cluster, _) => &[],
            (Place::Local, None) => &[("hostPath", false)],
            (Place::Local, Some(_)) => &[("hostPath", true)],
        },
    );
    match (object, of_host) {
        (Some(object), _) => Some(VolumeContent::Object(object)),
        (None, Some(text)) => {
            let advice = "write the folder on this machine, as in site";
            let field = format!("{field}.hostPath");
            let path = collector.required(field, Some(text), advice, host_path);
            path.map(VolumeContent::Folder)
        }
        (None, None) => None,
    }
}

fn host_path(text: &str) -> Result<PathBuf, String> {
    if text.len() > LONGEST_HOST_PATH {
        Err(format!(
            "{} bytes are too many; write at most {LONGEST_HOST_PATH}",
            text.len()
        ))
    } else if text.contains('\0') {
        Err("holds a NUL character; write it without".to_owned())
    } else {
        Ok(PathBuf::from(text))
    }
}

fn mount_path(text: &str) -> Result<String, String> {
    if text.len() > LONGEST_MOUNT_PATH {
        return Err(format!(
            "{} bytes are too many; write at most {LONGEST_MOUNT_PATH}",
            text.len()
        ));
    }
    let Some(rest) = text.strip_prefix('/') else {
        return Err(MOUNT_PATH_ADVICE.to_owned());
    };
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    if rest.is_empty() || rest.split('/').all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("write it without ., .., doubled slashes and a slash at the end".to_owned())
    }
}

const SAME: &str = "the same as";

/// How one mount path stands in the way of another, if it does.
fn relation(path: &str, other: &str) -> Option<&'static str> {
    let is_inside = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer.trim_end_matches('/'))
            .is_some_and(|rest| rest.starts_with('/'))
    };
    if path == other {
        Some(SAME)
    } else if is_inside(path, other) {
        Some("inside")
    } else if is_inside(other, path) {
        Some("around")
    } else {
        None
    }
}
