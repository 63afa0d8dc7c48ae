//! The rules of a model. The rules determine the gaps of the reference that the model corrects.
//!
//! A model computes the answer to a question from the imported objects. If the model corrects no gap, its
//! answer is the answer of the reference. If the model corrects all gaps, its answer is the answer that
//! contexta must give.

/// The gaps that models correct. `promised` stands for the differences between the documents and the code of
/// the reference. A deviation has the name of the first gap that changes the answer.
const GAPS: [&str; 19] = [
    "G16", "G4", "G8", "G1", "G5", "G7", "G14", "G10", "G11", "G12", "G13", "G17", "G18", "CL-15",
    "promised", "R7", "CL-5", "CL-8", "CL-12",
];

/// The gaps that a model corrects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules(u32);

impl Rules {
    /// The rules of the reference.
    pub(super) const REFERENCE: Rules = Rules(0);
    /// The rules of contexta.
    pub(super) const CONTEXTA: Rules = Rules((1 << GAPS.len()) - 1);

    fn bit(gap: &str) -> u32 {
        1 << GAPS.iter().position(|known| *known == gap).unwrap()
    }

    /// Returns `true` if the model corrects the gap.
    pub(super) fn mends(self, gap: &str) -> bool {
        self.0 & Rules::bit(gap) != 0
    }

    /// Returns the gap that explains the difference between the answers of the reference and of contexta. The
    /// gap is the first gap whose correction alone changes the answer of the reference. If there is no such
    /// gap, it is the first gap without whose correction the answer of contexta changes.
    pub(super) fn gap_of<A: PartialEq>(answer: impl Fn(Rules) -> A) -> &'static str {
        let (reference, contexta) = (answer(Rules::REFERENCE), answer(Rules::CONTEXTA));
        let alone = |gap: &&&str| answer(Rules(Rules::bit(gap))) != reference;
        let needed = |gap: &&&str| answer(Rules(Rules::CONTEXTA.0 & !Rules::bit(gap))) != contexta;
        GAPS.iter().find(alone).or_else(|| GAPS.iter().find(needed)).copied().unwrap_or(GAPS[0])
    }
}

#[test]
fn gap_is_the_first_that_changes_the_answer() {
    let of = |gaps: &'static [&str]| Rules::gap_of(|rules| gaps.iter().all(|gap| rules.mends(gap)));
    assert_eq!((of(&["G14"]), of(&["G10", "G14"])), ("G14", "G14"));
    assert!(Rules::CONTEXTA.mends("G18") && !Rules::REFERENCE.mends("G1"));
}
