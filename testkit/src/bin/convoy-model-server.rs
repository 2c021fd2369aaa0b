//! The scripted model server as a program, to try an agent by hand.
//!
//! `convoy-model-server [--port-file FILE] [--scripts DIR]` prints the URL of each script, then serves until
//! its stdin ends. Each line of stdin opens the gate of that name.

use std::path::PathBuf;
use std::process::ExitCode;

use convoy_testkit::model_server::{ModelServer, Script};

const USAGE: &str = "convoy-model-server [--port-file FILE] [--scripts DIR]";

#[expect(clippy::print_stderr, reason = "a program for people")]
fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stdout, reason = "a program for people")]
fn run(mut args: impl Iterator<Item = String>) -> Result<(), String> {
    let (mut port_file, mut scripts) = (None, Vec::new());
    while let Some(arg) = args.next() {
        let value = args.next().map(PathBuf::from).ok_or_else(|| format!("{arg}: value missing\n{USAGE}"))?;
        match arg.as_str() {
            "--port-file" => port_file = Some(value),
            "--scripts" => scripts = Script::load_dir(&value).map_err(|e| e.to_string())?,
            _ => return Err(format!("unknown option {arg}\n{USAGE}")),
        }
    }
    let server = ModelServer::start();
    println!("{}", server.url("commit"));
    for (name, script) in scripts {
        println!("{}", server.add(&name, script));
    }
    if let Some(file) = port_file {
        let part = file.with_extension("part");
        std::fs::write(&part, server.port().to_string())
            .and_then(|()| std::fs::rename(&part, &file))
            .map_err(|e| format!("{}: {e}", file.display()))?;
    }
    for line in std::io::stdin().lines().map_while(Result::ok) {
        server.open(line.trim());
    }
    Ok(())
}
