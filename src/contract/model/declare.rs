//! Macros that declare a model. One declaration generates the struct, its canonical JSON and its strict reader.

/// Declares a model: first the required fields, then the fields with a default value.
/// `=> Code` sets the error code for a value of the wrong type. Without `=> Code`, the code of the field's type is
/// used.
/// `; sparse` leaves an empty list or object out of the canonical text. It marks fields that the objects of the Python
/// package contexta 1.0.0 do not have.
macro_rules! model {
    (
        $(#[$doc:meta])*
        $name:ident ($text:literal) {
            $($(#[$ndoc:meta])* $need:ident: $nty:ty $(=> $ncode:ident)?,)*
        } or {
            $($(#[$mdoc:meta])* $may:ident: $mty:ty = $default:expr $(=> $mcode:ident)? $(; $sparse:ident)?,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[$ndoc])* pub $need: $nty,)*
            $($(#[$mdoc])* pub $may: $mty,)*
            /// Members that only a newer minor version of the schema defines. They are written back with the model.
            pub unknown: $crate::contract::json::value::Members,
        }

        impl $name {
            /// Creates a model with these values; every other field has its default. [`crate::contract::Valid::new`]
            /// checks the model.
            pub fn new($($need: impl Into<$nty>),*) -> $name {
                $name {
                    $($need: $need.into(),)*
                    $($may: $default,)*
                    unknown: Default::default(),
                }
            }

            /// The names of the members that this version of the schema defines.
            pub(crate) const KNOWN: &'static [&'static str] = &[$(stringify!($need),)* $(stringify!($may),)*];

            /// Removes the known members from `members` and creates the model from them. Unknown members remain in
            /// `members`. Returns `None` if a member is missing or cannot be read.
            pub(crate) fn take_members(
                members: &mut $crate::contract::json::value::Members,
                issues: &mut $crate::contract::issue::collector::Issues,
            ) -> Option<$name> {
                use $crate::contract::model::members::take;
                $(
                    let code = $crate::contract::model::declare::code_of!($nty $(, $ncode)?);
                    let $need = take::<$nty>(members, stringify!($need), code, None, issues);
                )*
                $(
                    let code = $crate::contract::model::declare::code_of!($mty $(, $mcode)?);
                    let $may = take::<$mty>(members, stringify!($may), code, Some($default), issues);
                )*
                Some($name { $($need: $need?,)* $($may: $may?,)* unknown: Default::default() })
            }

            /// Inserts all members of the model into `members`. A field without a value becomes a member that is null.
            pub(crate) fn put_members(&self, members: &mut $crate::contract::json::value::Members) {
                use $crate::contract::model::field::Field;
                members.extend(self.unknown.iter().map(|(k, v)| (k.clone(), v.clone())));
                $(members.insert(stringify!($need).to_owned(), self.$need.write());)*
                $(members.insert(
                    stringify!($may).to_owned(),
                    $crate::contract::model::declare::write_of!(self.$may $(, $sparse)?),
                );)*
            }
        }

        impl $crate::contract::json::canonical::Canonical for $name {
            fn to_value(&self) -> $crate::contract::json::value::Value {
                let mut members = Default::default();
                self.put_members(&mut members);
                $crate::contract::json::value::Value::Map(members)
            }
        }
    };
}

pub(crate) use model;

macro_rules! code_of {
    ($ty:ty) => {
        <$ty as $crate::contract::model::field::Field>::CODE
    };
    ($ty:ty, $code:ident) => {
        $crate::contract::error::code::ErrorCode::$code
    };
}

pub(crate) use code_of;

macro_rules! write_of {
    ($place:expr) => {
        $place.write()
    };
    ($place:expr, sparse) => {
        $place.write_sparse()
    };
}

pub(crate) use write_of;

/// Implements [`Model`](crate::contract::Model) for a model with a schema version and extensions.
macro_rules! versioned {
    ($name:ident, $text:literal, $target:ident $(, $warns:ident)?) => {
        impl $crate::contract::model::canonical_model::Model for $name {
            const NAME: &'static str = $text;
            const TARGET: Option<$crate::contract::extension::target::ExtensionTarget> =
                Some($crate::contract::extension::target::ExtensionTarget::$target);

            fn from_members(
                mut members: $crate::contract::json::value::Members,
                issues: &mut $crate::contract::issue::collector::Issues,
            ) -> Option<$name> {
                let newer = $crate::contract::model::members::are_newer(&members);
                issues.with_newer(newer, |issues| {
                    $crate::contract::model::members::refuse_unknown($text, &members, &[$name::KNOWN], issues);
                    let model = $name::take_members(&mut members, issues)?;
                    Some($name { unknown: members, ..model })
                })
            }

            $(fn warn(&self, issues: &mut $crate::contract::issue::collector::Issues) {
                self.$warns(issues);
            })?

            fn extensions(&self) -> &[$crate::contract::extension::field_set::ExtensionFieldSet] {
                &self.extensions
            }
        }

        impl $crate::contract::rules::valid::Rules for $name {
            fn normalize(&mut self, issues: &mut $crate::contract::issue::collector::Issues) {
                let newer = $crate::contract::version::is_newer(&self.schema_version);
                issues.with_newer(newer, |issues| {
                    self.check_fields(issues);
                    $crate::contract::rules::version::schema_version(issues, &mut self.schema_version);
                    $crate::contract::extension::field_set::normalize_sets(&mut self.extensions, issues);
                    $crate::contract::model::members::check_unknown($text, &mut self.unknown, $name::KNOWN, issues);
                });
            }
        }
    };
}

pub(crate) use versioned;

/// Implements [`Model`](crate::contract::Model) for a part of another model, such as the payload of a record. A part
/// has no schema version of its own.
macro_rules! part {
    ($name:ident, $text:literal, $code:ident $(, $warns:ident)?) => {
        impl $crate::contract::model::canonical_model::Model for $name {
            const NAME: &'static str = $text;

            fn from_members(
                mut members: $crate::contract::json::value::Members,
                issues: &mut $crate::contract::issue::collector::Issues,
            ) -> Option<$name> {
                $crate::contract::model::members::refuse_unknown($text, &members, &[$name::KNOWN], issues);
                let model = $name::take_members(&mut members, issues)?;
                Some($name { unknown: members, ..model })
            }

            $(fn warn(&self, issues: &mut $crate::contract::issue::collector::Issues) {
                self.$warns(issues);
            })?
        }

        impl $crate::contract::rules::valid::Rules for $name {
            fn normalize(&mut self, issues: &mut $crate::contract::issue::collector::Issues) {
                self.check_fields(issues);
                $crate::contract::model::members::check_unknown($text, &mut self.unknown, $name::KNOWN, issues);
            }
        }

        impl $crate::contract::model::field::Field for $name {
            const CODE: $crate::contract::error::code::ErrorCode = $crate::contract::error::code::ErrorCode::$code;

            fn read(
                value: $crate::contract::json::value::Value,
                code: $crate::contract::error::code::ErrorCode,
                issues: &mut $crate::contract::issue::collector::Issues,
            ) -> Option<$name> {
                match value {
                    $crate::contract::json::value::Value::Map(members) => {
                        <$name as $crate::contract::model::canonical_model::Model>::from_members(members, issues)
                    }
                    other => {
                        issues.error(code, "", format!("expected an object, found {}", other.type_name()));
                        None
                    }
                }
            }

            fn write(&self) -> $crate::contract::json::value::Value {
                $crate::contract::json::canonical::Canonical::to_value(self)
            }
        }
    };
}

pub(crate) use part;
