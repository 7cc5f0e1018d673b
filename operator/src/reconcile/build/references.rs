//! What a valid route takes from objects, as its document has it: in the words of its spec.

use crds::references::{Kind, Object};
use crds::validate::{
    KeyReference, ObjectReference, ValidEnvFrom, ValidVariable, ValidVolume, VariableValue,
    VolumeContent,
};
use crds::wagi_route::{
    EnvFromSource, EnvVar, EnvVarSource, KeySelector, ObjectSelector, PullSecret, Volume,
};

/// A list, or nothing where it is empty.
pub(super) fn list<T>(items: impl Iterator<Item = T>) -> Option<Vec<T>> {
    let items: Vec<T> = items.collect();
    (!items.is_empty()).then_some(items)
}

pub(super) fn variable(variable: &ValidVariable) -> EnvVar {
    let (value, value_from) = match &variable.value {
        VariableValue::Text(text) => (Some(text.clone()), None),
        VariableValue::Key(key) => (None, Some(source(key))),
    };
    EnvVar {
        name: Some(variable.name.clone()),
        value,
        value_from,
    }
}

fn source(reference: &KeyReference) -> EnvVarSource {
    let key = Some(KeySelector {
        name: Some(reference.object.name.clone()),
        key: Some(reference.key.clone()),
        optional: reference.is_optional.then_some(true),
    });
    let (config_map_key_ref, secret_key_ref) = of_kind(&reference.object, key);
    EnvVarSource {
        config_map_key_ref,
        secret_key_ref,
    }
}

pub(super) fn env_from(from: &ValidEnvFrom) -> EnvFromSource {
    let (config_map_ref, secret_ref) = of_kind(&from.object.object, Some(object(&from.object)));
    EnvFromSource {
        prefix: (!from.prefix.is_empty()).then(|| from.prefix.clone()),
        config_map_ref,
        secret_ref,
    }
}

/// A folder of an object; there are no others in a cluster.
pub(super) fn volume(volume: &ValidVolume) -> Option<Volume> {
    let VolumeContent::Object(reference) = &volume.content else {
        return None;
    };
    let (config_map, secret) = of_kind(&reference.object, Some(object(reference)));
    Some(Volume {
        mount_path: Some(volume.mount_path.clone()),
        config_map,
        secret,
        host_path: None,
    })
}

pub(super) fn pull_secret(name: &str) -> PullSecret {
    PullSecret {
        name: Some(name.to_owned()),
    }
}

fn object(reference: &ObjectReference) -> ObjectSelector {
    ObjectSelector {
        name: Some(reference.object.name.clone()),
        optional: reference.is_optional.then_some(true),
    }
}

fn of_kind<T>(object: &Object, item: Option<T>) -> (Option<T>, Option<T>) {
    match object.kind {
        Kind::ConfigMap => (item, None),
        Kind::Secret => (None, item),
    }
}
