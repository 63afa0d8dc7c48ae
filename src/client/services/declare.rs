//! The macro that declares a service.

/// Declares a service with a policy, and the method of [`Contexta`](crate::Contexta) that creates the service.
macro_rules! service {
    ($(#[$doc:meta])* $name:ident, $policy:ty; $(#[$adoc:meta])* $accessor:ident = $field:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        #[must_use]
        pub struct $name<'a> {
            contexta: &'a $crate::client::contexta::Contexta,
            policy: $policy,
        }

        impl<'a> $name<'a> {
            /// Replaces the policy. By default, the settings of the workspace determine the policy.
            pub fn with_policy(self, policy: $policy) -> $name<'a> {
                $name { policy, ..self }
            }

            /// Returns the policy.
            pub fn policy(&self) -> &$policy {
                &self.policy
            }
        }

        impl $crate::client::contexta::Contexta {
            $(#[$adoc])*
            pub fn $accessor(&self) -> $name<'_> {
                $name { contexta: self, policy: self.policies().$field }
            }
        }
    };
}
pub(super) use service;
