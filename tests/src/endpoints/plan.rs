//! What a conversation is made of: two applications, their hosts, and the network between them.

use super::random::Random;
use super::segment::Way;

/// One second, in the unit of the model's clock: microseconds.
pub const SECOND: u64 = 1_000_000;

/// What makes a conversation other than the simplest one. Each can be had alone and together with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ingredient {
    /// Sequence numbers pass 2^32.
    Wrap,
    /// Segments that neither the tap nor the receiver gets, or only the tap.
    NetworkLoss,
    /// Segments that the receiver gets and the tap does not.
    CaptureLoss,
    /// Segments that overtake others, before and behind the tap.
    Reordering,
    /// Segments that come twice.
    Duplicates,
    /// Retransmissions with other boundaries.
    Overlaps,
    /// Segments merged before the tap and split behind it.
    Offload,
    /// One side ends its stream long before the other one.
    HalfClose,
    /// Both sides end at once.
    SimultaneousClose,
    /// Both sides open at once.
    SimultaneousOpen,
    /// Bytes in the SYN that the server takes (RFC 7413).
    FastOpen,
    /// Bytes in the SYN that the server does not take.
    FastOpenRefused,
    /// The capture begins after the connection.
    MidStream,
    /// The capture has one direction only.
    OneSide,
    /// The capture has every segment twice, as that of a mirror port that sees it come and go.
    CaptureTwice,
    /// The capture has segments in another order than that in which they came by.
    CaptureReordering,
    /// A snap length cuts payload off.
    SnapLength,
    /// Minutes or hours without a segment.
    Silence,
    /// Segments that ask whether the other side is still there, with a byte that means nothing or without
    /// (RFC 9293, 3.8.4).
    KeepAlive,
    /// An application aborts.
    Abort,
    /// The same ports again after both FINs.
    ReuseAfterFin,
    /// The same ports again after an RST.
    ReuseAfterReset,
    /// The same ports again after the client, and perhaps the server, has forgotten the connection.
    ReuseWithoutEnd,
    /// With a reuse: the client's initial sequence number is always the same.
    SameClientIsn,
    /// With a reuse: the server's initial sequence number is always the same.
    SameServerIsn,
    /// A server that keeps no state before the last acknowledgement: each SYN gets another initial number.
    Cookies,
    /// The client's system tries again with another initial sequence number before the server has answered.
    NewAttempt,
    /// An RST, FIN or ACK that belongs to nothing comes before the SYN+ACK.
    StrayBeforeAnswer,
    /// A SYN from elsewhere, before the connection's own or in the middle of it.
    ForgedSyn,
    /// A SYN+ACK from elsewhere, before the server's own or after it.
    ForgedAnswer,
    /// Bytes in the window that the sender has not sent, before or after its own.
    ForgedData,
    /// Bytes outside the window.
    ForgedDataOutside,
    /// A FIN that the sender has not sent, with or without bytes.
    ForgedFin,
    /// An RST with the number that the receiver expects: it takes it.
    ForgedReset,
    /// An RST outside the window, or in it with another number than the expected one: the receiver refuses it.
    RefusedReset,
    /// An RST with the expected number that both hosts ignore.
    IgnoredReset,
}

impl Ingredient {
    /// All of them.
    pub const ALL: [Self; 36] = [
        Self::Wrap,
        Self::NetworkLoss,
        Self::CaptureLoss,
        Self::Reordering,
        Self::Duplicates,
        Self::Overlaps,
        Self::Offload,
        Self::HalfClose,
        Self::SimultaneousClose,
        Self::SimultaneousOpen,
        Self::FastOpen,
        Self::FastOpenRefused,
        Self::MidStream,
        Self::OneSide,
        Self::CaptureTwice,
        Self::CaptureReordering,
        Self::SnapLength,
        Self::Silence,
        Self::KeepAlive,
        Self::Abort,
        Self::ReuseAfterFin,
        Self::ReuseAfterReset,
        Self::ReuseWithoutEnd,
        Self::SameClientIsn,
        Self::SameServerIsn,
        Self::Cookies,
        Self::NewAttempt,
        Self::StrayBeforeAnswer,
        Self::ForgedSyn,
        Self::ForgedAnswer,
        Self::ForgedData,
        Self::ForgedDataOutside,
        Self::ForgedFin,
        Self::ForgedReset,
        Self::RefusedReset,
        Self::IgnoredReset,
    ];

    /// Those with which recordings are not yet always what they must be, and why.
    pub const OPEN: [(Self, &str); 2] = [
        (Self::SameClientIsn, "the third connection with a number may go to the second"),
        (Self::ForgedFin, "of three FINs the acknowledged one may be forgotten"),
    ];

    /// Those that are settled, but not yet together with others that confuse.
    pub const OPEN_WITH_OTHERS: [Self; 8] = [
        Self::Cookies,
        Self::NewAttempt,
        Self::StrayBeforeAnswer,
        Self::ForgedSyn,
        Self::ForgedAnswer,
        Self::ForgedData,
        Self::ForgedDataOutside,
        Self::IgnoredReset,
    ];

    /// Those that are settled one by one, and not yet together, and why.
    pub const OPEN_TOGETHER: [(Self, Self, &str); 25] = [
        (Self::MidStream, Self::Duplicates, "bytes from before the capture's first come after the end"),
        (Self::MidStream, Self::Reordering, "a FIN alone ends a stream whose first bytes come later"),
        (Self::MidStream, Self::CaptureReordering, "the same"),
        (Self::MidStream, Self::NetworkLoss, "the same"),
        (
            Self::CaptureReordering,
            Self::ReuseAfterReset,
            "bytes before their SYN go to the connection that ended",
        ),
        (Self::CaptureReordering, Self::ReuseAfterFin, "the same"),
        (Self::CaptureReordering, Self::ReuseWithoutEnd, "the same"),
        (Self::CaptureReordering, Self::NewAttempt, "the same"),
        (Self::CaptureReordering, Self::ForgedSyn, "the same"),
        (Self::CaptureReordering, Self::ForgedAnswer, "the same"),
        (Self::CaptureReordering, Self::ForgedReset, "an RST comes before the SYN+ACK"),
        (Self::CaptureReordering, Self::StrayBeforeAnswer, "the same"),
        (Self::CaptureReordering, Self::FastOpen, "a SYN with bytes comes after the end"),
        (
            Self::CaptureReordering,
            Self::ForgedDataOutside,
            "forged bytes that come first say where it begins",
        ),
        (Self::Reordering, Self::ForgedDataOutside, "the same"),
        (Self::ForgedReset, Self::FastOpen, "after the RST, another SYN+ACK answers the same SYN with bytes"),
        (Self::ForgedAnswer, Self::FastOpen, "the same"),
        (
            Self::CaptureReordering,
            Self::Cookies,
            "of two SYN+ACKs the second comes after the acknowledgement",
        ),
        (Self::ForgedAnswer, Self::NetworkLoss, "a forged answer comes after the end"),
        (Self::ForgedSyn, Self::SimultaneousOpen, "a forged SYN has the place of the other side's"),
        (Self::ForgedData, Self::Duplicates, "forged bytes come again after the end"),
        (Self::ForgedData, Self::NetworkLoss, "forged bytes come before the SYN+ACK"),
        (Self::ForgedData, Self::FastOpenRefused, "forged bytes take the place of those that were refused"),
        (Self::ForgedData, Self::Offload, "forged bytes come before the SYN+ACK"),
        (Self::StrayBeforeAnswer, Self::Wrap, "forged numbers of 0 are in the window"),
    ];

    fn is_open(self) -> bool {
        Self::OPEN.iter().any(|(open, _)| *open == self)
    }

    /// Whether recordings are what they must be with both.
    fn goes_with(self, other: Self) -> bool {
        let alone = |one: Self, other: Self| Self::OPEN_WITH_OTHERS.contains(&one) && other.confuses();
        let pair =
            |(one, two, _): &(Self, Self, &str)| [(self, other), (other, self)].contains(&(*one, *two));
        let apart = alone(self, other) || alone(other, self);
        !apart && !Self::OPEN_TOGETHER.iter().any(pair)
    }

    /// The ingredient with this name, as [`Debug`](std::fmt::Debug) writes it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| format!("{one:?}") == name)
    }

    fn is_reuse(self) -> bool {
        matches!(self, Self::ReuseAfterFin | Self::ReuseAfterReset | Self::ReuseWithoutEnd)
    }

    /// Whether something comes that no endpoint of the connection has sent, or that takes back what one has sent.
    fn confuses(self) -> bool {
        use Ingredient::*;
        let forged = matches!(self, ForgedSyn | ForgedAnswer | ForgedData | ForgedDataOutside | ForgedFin);
        let resets = matches!(self, ForgedReset | RefusedReset | IgnoredReset);
        forged || resets || self.is_reuse() || matches!(self, Cookies | NewAttempt | StrayBeforeAnswer)
    }
}

/// The ingredients of one conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipe(pub Vec<Ingredient>);

impl Recipe {
    /// Whether it has `ingredient`.
    #[must_use]
    pub fn has(&self, ingredient: Ingredient) -> bool {
        self.0.contains(&ingredient)
    }

    /// One ingredient, with what it needs to have an effect.
    #[must_use]
    pub fn alone(ingredient: Ingredient, random: &mut Random) -> Self {
        use Ingredient::*;
        let mut all = vec![ingredient];
        match ingredient {
            SameClientIsn | SameServerIsn => {
                all.push(random.one_of(&[ReuseAfterFin, ReuseAfterReset, ReuseWithoutEnd]));
            }
            Overlaps => all.push(NetworkLoss),
            // Long after it.
            IgnoredReset => all.push(Silence),
            // Copies of the SYN, for as many answers.
            Cookies => all.push(random.one_of(&[NetworkLoss, Duplicates])),
            _ => {}
        }
        Self(all)
    }

    /// Some, or some that are `settled` together, less those with which nothing could be known from the capture: what
    /// hides segments does not come together with what makes two of a kind.
    #[must_use]
    pub fn some(settled: bool, random: &mut Random) -> Self {
        use Ingredient::*;
        let mut all = Vec::new();
        for _ in 0..random.length(2..6) {
            let one = random.one_of(&Ingredient::ALL);
            let hides = |other: Ingredient| matches!(other, CaptureLoss | MidStream | OneSide | SnapLength);
            let twice =
                |one: Ingredient| matches!(one, NewAttempt | SimultaneousOpen | FastOpen | FastOpenRefused);
            if twice(one) && all.iter().any(|other| twice(*other)) {
                continue;
            }
            let blind = all
                .iter()
                .any(|other: &Ingredient| hides(*other) && one.confuses() || hides(one) && other.confuses());
            if settled && (one.is_open() || all.iter().any(|other| !one.goes_with(*other))) {
                continue;
            }
            let same = matches!(one, SameClientIsn | SameServerIsn);
            if all.contains(&one) || blind || same && !all.iter().any(|other| other.is_reuse()) {
                continue;
            }
            all.push(one);
        }
        Self(all)
    }
}

/// What an application does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Sends bytes.
    Write(Vec<u8>),
    /// Ends its stream; it reads on.
    Close,
    /// Ends the connection with an RST.
    Abort,
    /// The host forgets the connection.
    Vanish,
}

/// A step of an application.
#[derive(Clone, Debug)]
pub struct Step {
    /// It comes when so many bytes were read in all, or the other side has ended.
    pub after: usize,
    /// And then so many microseconds later.
    pub pause: u64,
    /// What it does.
    pub action: Action,
}

/// One connection: the numbers that the hosts choose, and what the applications do.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Initial sequence numbers of the client and the server.
    pub isn: [u32; 2],
    /// The steps of the client's and the server's application.
    pub steps: [Vec<Step>; 2],
    /// Microseconds between the end of the connection before it, in the client's eyes, and this one.
    pub pause: u64,
    /// The client sends bytes with its SYN.
    pub bytes_in_syn: bool,
    /// The server opens as well.
    pub simultaneous: bool,
    /// The client gives up its first try before an answer can have come, and begins again with this number.
    pub second_isn: Option<u32>,
}

/// Everything that is decided before the first segment.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it was made from.
    pub recipe: Recipe,
    /// The connections, one after the other.
    pub attempts: Vec<Attempt>,
    /// Longest payload of a segment.
    pub mss: usize,
    /// How long a host keeps a connection that it has ended first.
    pub time_wait: u64,
    /// A host without a socket does not answer with RST.
    pub silent: bool,
    /// Percent of segments lost before the tap, behind it, and at the tap only.
    pub loss: [u64; 3],
    /// Percent that come twice.
    pub duplicates: u64,
    /// Longest additional delay on each side of the tap.
    pub jitter: u64,
    /// The tap sees segments of so many bytes at most.
    pub merged: usize,
    /// The tap sees no segment before this one.
    pub first: usize,
    /// The tap sees no segment of this direction.
    pub unseen: Option<Way>,
    /// So many bytes of a payload are captured.
    pub snap: usize,
    /// Other connections keep the capture's clock going.
    pub busy: bool,
    /// Segments forged at most.
    pub forged: usize,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn new(recipe: Recipe, random: &mut Random) -> Self {
        use Ingredient::*;
        let large = random.chance(5);
        let reuses = recipe.0.iter().any(|one| one.is_reuse());
        let count = if reuses { random.length(2..4) } else { 1 };
        let unsteady = [Reordering, Duplicates, NetworkLoss].iter().any(|one| recipe.has(*one));
        let mut attempts: Vec<Attempt> = Vec::new();
        for _ in 0..count {
            let pauses: &[u64] = if unsteady {
                &[20 * SECOND, 70 * SECOND, 3600 * SECOND]
            } else {
                &[100_000, 5 * SECOND, 70 * SECOND, 3600 * SECOND]
            };
            let pause = random.one_of(pauses);
            let last = attempts.len() + 1 == count;
            let isn = isns(&recipe, attempts.last(), random);
            let attempt = Attempt {
                isn,
                steps: match attempts.last().filter(|_| random.chance(25)) {
                    // An application that does the same once more.
                    Some(before) if !last => before.steps.clone(),
                    _ => steps(&recipe, last, large, random),
                },
                pause,
                bytes_in_syn: recipe.has(FastOpen) || recipe.has(FastOpenRefused),
                simultaneous: recipe.has(SimultaneousOpen),
                second_isn: recipe.has(NewAttempt).then(|| another(isn[0], random)),
            };
            attempts.push(attempt);
        }
        let loss = |has: bool, random: &mut Random| if has { random.within(3..30) } else { 0 };
        Self {
            attempts,
            mss: if large { 1400 } else { random.length(4..40) },
            time_wait: random.one_of(&[0, 60 * SECOND]),
            silent: random.chance(30),
            loss: [
                loss(recipe.has(NetworkLoss), random),
                loss(recipe.has(NetworkLoss), random),
                loss(recipe.has(CaptureLoss), random),
            ],
            duplicates: loss(recipe.has(Duplicates), random) + if recipe.has(Cookies) { 30 } else { 0 },
            jitter: if recipe.has(Reordering) { random.within(1..200_000) } else { 0 },
            merged: if recipe.has(Offload) { random.length(2..12) } else { 1 },
            first: if recipe.has(MidStream) { random.length(1..12) } else { 0 },
            unseen: recipe.has(OneSide).then(|| random.one_of(&Way::BOTH)),
            snap: if recipe.has(SnapLength) { random.length(0..30) } else { usize::MAX },
            busy: random.chance(50),
            forged: if recipe.0.iter().any(|one| one.confuses()) { random.length(1..4) } else { 0 },
            recipe,
        }
    }
}

/// Another initial number: near to `isn`, as of a clock that has moved on by a little (RFC 6528) or of a forger who
/// guesses, or anywhere.
pub fn another(isn: u32, random: &mut Random) -> u32 {
    let away = random.within(1..3_000_000) as u32;
    match random.within(0..3) {
        0 => isn.wrapping_add(away),
        1 => isn.wrapping_sub(away),
        _ => random.next_u32(),
    }
}

fn isns(recipe: &Recipe, before: Option<&Attempt>, random: &mut Random) -> [u32; 2] {
    use Ingredient::*;
    let mut any = || {
        if recipe.has(Wrap) && before.is_none() {
            0u32.wrapping_sub(random.within(1..150) as u32)
        } else {
            random.next_u32()
        }
    };
    let chosen = [any(), any()];
    let Some(before) = before else { return chosen };
    // A clock that has moved on by a little, as RFC 6528 has it, or another number altogether.
    let near = |isn: u32, random: &mut Random| isn.wrapping_add(random.within(1000..3_000_000) as u32);
    let pick = |same: bool, side: usize, random: &mut Random| match random.within(0..3) {
        _ if same => before.isn[side],
        0 => near(before.isn[side], random),
        _ => chosen[side],
    };
    [pick(recipe.has(SameClientIsn), 0, random), pick(recipe.has(SameServerIsn), 1, random)]
}

/// Requests and answers, and how it ends.
fn steps(recipe: &Recipe, last: bool, large: bool, random: &mut Random) -> [Vec<Step>; 2] {
    use Ingredient::*;
    let mut steps = [Vec::new(), Vec::new()];
    let mut written = [0, 0];
    let most = if large { 6000 } else { 60 };
    for _ in 0..random.length(1..4) {
        for side in 0..2 {
            if random.chance(15) {
                continue;
            }
            let bytes = random.length(1..most);
            let bytes = random.text([b'a', b'A'][side], 26, bytes);
            let pause =
                if recipe.has(Silence) { random.one_of(&[0, SECOND, 70 * SECOND, 4000 * SECOND]) } else { 0 };
            let after = written[1 - side];
            written[side] += bytes.len();
            steps[side].push(Step { after, pause, action: Action::Write(bytes) });
        }
    }
    let reset = if last { recipe.has(Abort) } else { recipe.has(ReuseAfterReset) };
    let vanish = !last && recipe.has(ReuseWithoutEnd) && !reset;
    let side = random.length(0..2);
    let mut end = |side: usize, early: bool, pause: u64, action: Action| {
        let after = if early { 0 } else { written[1 - side] };
        steps[side].push(Step { after, pause, action });
    };
    if reset {
        let early = random.chance(20);
        end(side, early, 0, Action::Abort);
    } else if vanish {
        end(0, random.chance(50), 0, Action::Vanish);
        if random.chance(30) {
            end(1, random.chance(50), 0, Action::Vanish);
        }
    } else if recipe.has(SimultaneousClose) {
        end(0, random.chance(50), 0, Action::Close);
        end(1, random.chance(50), 0, Action::Close);
    } else if recipe.has(HalfClose) {
        // The first to end does so before the other one has sent its last bytes.
        end(side, true, 0, Action::Close);
        end(1 - side, false, SECOND, Action::Close);
    } else if last && random.chance(20) {
        // The capture ends before the connection.
    } else {
        end(side, false, 0, Action::Close);
        // The other side ends when it has read the end.
        steps[1 - side].push(Step { after: usize::MAX, pause: 0, action: Action::Close });
    }
    steps
}
