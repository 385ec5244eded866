//! Command lines that both programs get.

/// A command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Combination {
    /// The options as one types them, and what is read where it is not simply `-r CAPTURE`.
    pub(crate) name: &'static str,
    pub(crate) input: Input,
    pub(crate) reach: Reach,
    pub(crate) tapflow: &'static [&'static str],
    pub(crate) tcpflow: &'static [&'static str],
}

/// The captures that a combination runs over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reach {
    /// Those of the corpus too.
    Everywhere,
    /// Those of this repository.
    Links,
    /// Those that are not about links and file formats.
    Numbers,
    /// The same without the one of a thousand files.
    Own,
}

/// How a capture is given.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    /// `-r CAPTURE`
    Read,
    /// `-l CAPTURE`
    Listed,
    /// `-r -`
    Stdin,
    /// The capture in two files, each after its option.
    Halves([&'static str; 2]),
}

impl Combination {
    pub(crate) fn arguments(&self, options: &[&str], [first, second]: &[String; 2]) -> Vec<String> {
        let mut arguments: Vec<String> = match self.input {
            Input::Read => vec!["-r".into(), first.clone()],
            Input::Stdin => vec!["-r".into(), "-".into()],
            Input::Listed => Vec::new(),
            Input::Halves([one, two]) => [one, first, two, second]
                .into_iter()
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect(),
        };
        arguments.extend(options.iter().map(|option| (*option).to_owned()));
        if matches!(self.input, Input::Listed) {
            arguments.extend(["-l".to_owned(), first.clone()]);
        }
        arguments
    }

    /// Whether flows are printed instead of written.
    pub(crate) fn is_console(&self) -> bool {
        self.tapflow.contains(&"arrival")
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.tapflow.contains(&"-q")
    }
}

const fn same(name: &'static str, options: &'static [&'static str]) -> Combination {
    Combination { name, input: Input::Read, reach: Reach::Own, tapflow: options, tcpflow: options }
}

const fn reading(name: &'static str, input: Input) -> Combination {
    Combination { name, input, reach: Reach::Own, tapflow: &[], tcpflow: &[] }
}

/// tcpflow prints what arrives; tapflow does so when told.
macro_rules! console {
    ($($option:literal)*) => {
        Combination {
            name: concat!($($option, " ",)* "on the console"),
            input: Input::Read,
            reach: Reach::Own,
            tapflow: &[$($option,)* "--order", "arrival"],
            tcpflow: &[$($option,)*],
        }
    };
}

impl Combination {
    const fn over(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }
}

pub(crate) const COMBINATIONS: &[Combination] = &[
    same("nothing", &[]).over(Reach::Everywhere),
    // Names.
    same("-Fk", &["-Fk"]).over(Reach::Numbers),
    same("-Fm", &["-Fm"]).over(Reach::Numbers),
    same("-Fg", &["-Fg"]).over(Reach::Numbers),
    same("-Ft", &["-Ft"]),
    same("-FT", &["-FT"]),
    same("-FkT", &["-FkT"]),
    same("-FtFk", &["-Ft", "-Fk"]),
    same("-FX", &["-FX"]),
    Combination {
        // The count on all names; tcpflow's own -Fc runs for ever when three flows share a name.
        name: "-Fc",
        tapflow: &["-Fc"],
        tcpflow: &["-T%A.%a-%B.%b%V%vc%#%C%c"],
        ..same("", &[])
    },
    same("-T directories", &["-T%A/%B/%a-%b%C%c"]),
    same("-T addresses of the link", &["-T%E_%e_%a_%b%c"]).over(Reach::Links),
    same("-T session and number", &["-T%S_%N"]).over(Reach::Everywhere),
    same("-T times and numbers", &["-Tx-%T-%t/%K%M%G/%N%%%C%c"]),
    same("-T one name", &["-Tflow%#"]),
    same("-T then -F", &["-Ft", "-T%a-%b%c", "-FT"]),
    same("-T VLAN", &["-T%A%V%v-%a-%b"]).over(Reach::Links),
    // What is written.
    same("-o DIR", &["-o", "out"]),
    same("-b 1", &["-b", "1"]),
    same("-b 100", &["-b", "100"]).over(Reach::Everywhere),
    same("-m 1000000", &["-m", "1000000"]),
    same("-I", &["-I"]).over(Reach::Everywhere),
    same("-I -b 100", &["-I", "-b", "100"]),
    same("-f 4", &["-f", "4"]).over(Reach::Numbers),
    same("-X FILE", &["-X", "other.xml"]),
    same("-X FILE -FX", &["-o", "out", "-X", "other.xml", "-FX"]),
    same("-S enable_report=NO", &["-S", "enable_report=NO"]),
    same("-q", &["-q"]),
    // What is read.
    reading("-l CAPTURE", Input::Listed),
    reading("-r - < CAPTURE", Input::Stdin),
    reading("-r HALF -r HALF", Input::Halves(["-r", "-r"])).over(Reach::Everywhere),
    reading("-r HALF -R HALF", Input::Halves(["-r", "-R"])).over(Reach::Everywhere),
    reading("-l HALF HALF", Input::Halves(["-l", ""])),
    same("port 80", &["port 80"]).over(Reach::Everywhere),
    same("port 80 in words", &["tcp", "and", "dst", "port", "80"]),
    same("ip6 or vlan", &["ip6 or vlan"]),
    same("tcp flags", &["tcp[tcpflags] & tcp-syn == 0 and greater 80"]),
    // The console.
    console!("-c"),
    console!("-C"),
    console!("-c" "-B").over(Reach::Everywhere),
    console!("-C" "-B"),
    console!("-C" "-B" "-0").over(Reach::Everywhere),
    console!("-c" "-0"),
    console!("-c" "-s"),
    console!("-c" "-D"),
    console!("-C" "-D"),
    console!("-c" "-D" "-0"),
    console!("-c" "-J"),
    console!("-C" "-J" "-0"),
    console!("-c" "-g"),
    console!("-C" "-g" "-B"),
    console!("-c" "-g" "-D"),
    console!("-c" "-B" "-b" "100"),
    console!("-c" "-B" "-Ft"),
    console!("-c" "-B" "-T%N/%a-%b"),
    console!("-c" "-B" "-o" "out"),
    console!("-c" "-q"),
    console!("-C" "-B" "src port 80"),
];
