//! The macro that declares an enum with a text form for each variant.

/// Declares an enum with a text form for each variant, and implements the conversion to this text.
macro_rules! word_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// All variants, in the order of their declaration.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// Returns the text form.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use word_enum;

/// Declares an enum like [`word_enum`], which is also a field of models. Implements the conversions from and to the text.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal, $code:expr, { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $crate::contract::words::word_enum! {
            $(#[$doc])*
            $name { $($(#[$vdoc])* $variant = $text,)* }
        }

        /// Parses the text form. Upper and lower case are distinguished.
        impl std::str::FromStr for $name {
            type Err = crate::contract::error::contract_error::ContractError;

            fn from_str(text: &str) -> crate::contract::error::contract_error::Result<$name> {
                match text {
                    $($text => Ok($name::$variant),)*
                    _ => {
                        let allowed = [$($text,)*].join(", ");
                        let message = format!(concat!("{:?} is not ", $what, "; expected one of {}"), text, allowed);
                        Err(crate::contract::error::contract_error::ContractError::new($code, message))
                    }
                }
            }
        }

        impl crate::contract::model::field::Field for $name {
            const CODE: crate::contract::error::code::ErrorCode = $code;

            fn read(
                value: crate::contract::json::value::Value,
                _: crate::contract::error::code::ErrorCode,
                issues: &mut crate::contract::issue::collector::Issues,
            ) -> Option<$name> {
                let text = value.as_str().map(crate::contract::space::trim).filter(|text| !text.is_empty());
                match text {
                    Some(text) => issues.take("", text.parse()),
                    None => {
                        let message = format!(concat!("{} is not ", $what), value.type_name());
                        issues.error(crate::contract::error::code::ErrorCode::String, "", message);
                        None
                    }
                }
            }

            fn write(&self) -> crate::contract::json::value::Value {
                (*self).into()
            }
        }

        impl From<$name> for crate::contract::json::value::Value {
            fn from(word: $name) -> crate::contract::json::value::Value {
                crate::contract::json::value::Value::from(word.as_str())
            }
        }
    };
}
pub(crate) use words;
