//! The common form of typed tables: a name, and types that exist at compile time only.

/// Declares a typed table of a kind: the struct, its constructor, and its specification.
macro_rules! declare_table {
    ($(#[$doc:meta])* $name:ident<$($parameter:ident $(= $default:ty)?),*>, $kind:expr) => {
        $(#[$doc])*
        pub struct $name<$($parameter $(= $default)?),*> {
            name: &'static str,
            types: std::marker::PhantomData<fn() -> ($($parameter,)*)>,
        }

        impl<$($parameter),*> $name<$($parameter),*> {
            /// Creates the table with this name. Names that begin with `_` are reserved for the engine.
            pub const fn new(name: &'static str) -> Self {
                $name { name, types: std::marker::PhantomData }
            }

            /// Returns name and kind of the table, for
            /// [`Projection::tables`](crate::engine::projection::Projection::tables).
            pub const fn spec(&self) -> $crate::engine::projection::TableSpec {
                $crate::engine::projection::TableSpec::new(self.name, $kind)
            }
        }

        impl<$($parameter),*> Clone for $name<$($parameter),*> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<$($parameter),*> Copy for $name<$($parameter),*> {}

        impl<$($parameter),*> std::fmt::Debug for $name<$($parameter),*> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.name).finish()
            }
        }
    };
}

pub(super) use declare_table;
