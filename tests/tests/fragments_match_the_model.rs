//! Any fragments, with each policy, against the naive model of the fuzz target.

use proptest::collection::vec;
use proptest::prelude::*;
use tapflow_tests::fuzz::fragments::run;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(tapflow_tests::cases(1000)))]

    #[test]
    fn any_script(bytes in vec(any::<u8>(), 0..200)) {
        run(&bytes);
    }

    /// Fragments near each other, most of which leave room for others.
    #[test]
    fn fragments_that_meet(
        chosen in any::<u8>(),
        steps in vec((0..10u8, 1..5u8, any::<bool>(), 0..2u8, 0..8u8), 0..60),
    ) {
        let mut script = vec![chosen];
        for (at, blocks, last, id, other) in steps {
            let last = u8::from(last && at > 6);
            script.extend([at, blocks * 8, last | id << 1, u8::from(other == 7)]);
        }
        run(&script);
    }

    /// A whole datagram in pieces of one size, in any order, some cut short, with other pieces in between.
    #[test]
    fn datagrams_that_become_whole(
        chosen in any::<u8>(),
        blocks in 1..4u8,
        count in 2..8u8,
        order in any::<prop::sample::Index>(),
        cut in prop::option::of(0..32u8),
        others in vec((0..20u8, 0..65u8, 0..32u8), 0..4),
    ) {
        let mut steps: Vec<[u8; 4]> = (0..count)
            .map(|number| {
                let last = u8::from(number + 1 == count);
                let cut = cut.map_or(0, |left| 4 | left << 3);
                [number * blocks, blocks * 8, last | cut, 0]
            })
            .collect();
        for (at, len, flags) in others {
            steps.insert(usize::from(at) % steps.len(), [at, len, flags << 3 | 4, 0x20]);
        }
        let turn = order.index(steps.len());
        steps.rotate_left(turn);
        let script = [vec![chosen], steps.concat()].concat();
        run(&script);
    }
}
