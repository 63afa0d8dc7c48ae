//! Arguments in, exit code out.

fn main() -> std::process::ExitCode {
    contexta::run_cli(std::env::args_os())
}
