//! The macro that declares sections of the configuration.

/// Declares sections: the settings of each section (name, type, default, rule) and the sections in it. Generates the
/// structs, their `Default`, and `walk`, which visits every setting in order.
macro_rules! sections {
    ($(
        $(#[$doc:meta])* $path:literal $name:ident {
            $($(#[doc = $fdoc:literal])+ $field:ident: $type:ty = $default:expr, $rule:expr;)*
        }
        $({ $($(#[$sdoc:meta])* $section:ident: $stype:ident,)* })?
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq)]
            pub struct $name {
                $($(#[doc = $fdoc])+ pub $field: $type,)*
                $($($(#[$sdoc])* pub $section: $stype,)*)?
            }

            impl Default for $name {
                fn default() -> $name {
                    $name {
                        $($field: $default,)*
                        $($($section: $stype::default(),)*)?
                    }
                }
            }

            impl $name {
                /// Calls `f` with every setting, in order.
                pub(in crate::config) fn walk(&mut self, f: &mut dyn FnMut($crate::config::field::Field<'_>)) {
                    $(
                        f($crate::config::field::Field {
                            key: concat!($path, stringify!($field)),
                            doc: concat!($($fdoc),+),
                            rule: $rule,
                            leaf: &mut self.$field,
                        });
                    )*
                    $($(self.$section.walk(f);)*)?
                }
            }
        )*
    };
}
pub(super) use sections;

/// Returns the texts as owned strings.
pub(super) fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}
