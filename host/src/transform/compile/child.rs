//! The child: bytes of an upload come in, what came of them goes out. It opens no file, and nobody else talks to it.

use std::io::{Read, Write};

use super::{Answer, CompileError, Step, check, compatibility, lap, precompile};

/// Does what the hidden command `compile` is for. A failure that is nobody's but ours ends the process with an error.
///
/// # Errors
/// When the pipes break, or the compiler does not work on this machine.
pub fn run(mut input: impl Read, mut output: impl Write) -> anyhow::Result<()> {
    say(&mut output, &Answer::Step(Step::Read))?;
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    say(&mut output, &Answer::Step(Step::Check))?;
    let (mut checked, component) = match check(&bytes) {
        Ok(checked) => checked,
        Err(refused) => return say(&mut output, &Answer::Refused(refused)),
    };
    say(&mut output, &Answer::Step(Step::Compile))?;
    let mut began = std::time::Instant::now();
    match precompile(&component) {
        Ok(artifact) => {
            checked.took.compile = lap(&mut began);
            say(
                &mut output,
                &Answer::Compiled { checked: checked.into(), compatibility: compatibility()?.to_owned() },
            )?;
            output.write_all(&artifact)?;
            Ok(output.flush()?)
        }
        Err(CompileError::Refused(refused)) => say(&mut output, &Answer::Refused(refused)),
        Err(CompileError::Ours(reason)) => anyhow::bail!(reason),
    }
}

fn say(output: &mut impl Write, answer: &Answer) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *output, answer)?;
    output.write_all(b"\n")?;
    Ok(output.flush()?)
}
