//! The canonical models: plain structs, their rules, their canonical JSON.

pub mod artifact;
pub mod context;
pub mod lineage;
pub mod payload;
pub mod record;

/// Declares a closed set of words: variants, their text, parsing, printing.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal, $code:expr, { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The word.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// Reads the word; case counts.
            pub fn parse(text: &str) -> crate::contract::Result<$name> {
                match text {
                    $($text => Ok($name::$variant),)*
                    _ => {
                        let allowed = [$($text,)*].join(", ");
                        let message = format!(concat!("{:?} is not ", $what, ": {}"), text, allowed);
                        Err(crate::contract::ContractError::new($code, message))
                    }
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl crate::contract::model::Field for $name {
            const CODE: crate::contract::ErrorCode = $code;

            fn read(
                value: crate::contract::Value,
                _: crate::contract::ErrorCode,
                issues: &mut crate::contract::issue::Issues,
            ) -> Option<$name> {
                let text = value.as_str().map(crate::contract::rules::trim).filter(|text| !text.is_empty());
                match text {
                    Some(text) => issues.take("", $name::parse(text)),
                    None => {
                        let message = format!(concat!("{} is not ", $what), value.sort());
                        issues.error(crate::contract::ErrorCode::String, "", message);
                        None
                    }
                }
            }

            fn write(&self) -> crate::contract::Value {
                (*self).into()
            }
        }

        impl From<$name> for crate::contract::Value {
            fn from(word: $name) -> crate::contract::Value {
                crate::contract::Value::from(word.as_str())
            }
        }
    };
}
pub(crate) use words;
