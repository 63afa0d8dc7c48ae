//! The executable `contexta`.

fn main() -> std::process::ExitCode {
    contexta::run_cli(std::env::args_os())
}
