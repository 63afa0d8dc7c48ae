//! Values that projections keep while a group of entries is applied.

use std::any::{Any, TypeId};
use std::fmt;

/// The values that the projections keep: at most one value of each Rust type.
#[derive(Default)]
pub(super) struct Scratch {
    /// The values, each with its type, so that a value is found without a virtual call.
    values: Vec<(TypeId, Box<dyn Any + Send>)>,
}

impl Scratch {
    /// Returns the value of type `T`. If there is none, the default value is added.
    pub(super) fn get<T: Default + Send + 'static>(&mut self) -> &mut T {
        let wanted = TypeId::of::<T>();
        let at = self.values.iter().position(|(of, _)| *of == wanted).unwrap_or_else(|| {
            self.values.push((wanted, Box::new(T::default())));
            self.values.len() - 1
        });
        match self.values.get_mut(at).and_then(|(_, value)| value.downcast_mut()) {
            Some(value) => value,
            None => unreachable!("the value at this index is a T"),
        }
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").field("values", &self.values.len()).finish()
    }
}
