//! The binary: hands the arguments and the environment down, and the exit status up.

mod ask;
mod cli;
mod context;
mod demo;
mod error;
mod follow;
mod http;
mod live;
mod mcp;
mod output;
mod own;
mod progress;
mod reports;
mod review;
mod shapes;
mod tell;
mod templates;
mod text;
mod top;
mod values;
mod way;

fn main() -> std::process::ExitCode {
    let env = convoy_engine::os::spawn::Environment::new(std::env::vars_os());
    cli::main(std::env::args_os().collect(), env)
}
