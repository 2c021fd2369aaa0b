//! The binary: hands the arguments and the environment down, and the exit status up.

mod cli;
mod demo;
mod error;
mod live;
mod output;
mod text;

fn main() -> std::process::ExitCode {
    let env = convoy_engine::os::spawn::Environment::new(std::env::vars_os());
    cli::main(std::env::args_os().collect(), env)
}
