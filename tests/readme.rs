//! The README is true: its files are as shown, and its commands print what it says.

use assert_cmd::Command;
use std::fs;
use std::path::Path;

const README: &str = include_str!("../README.md");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A fenced block and the comments that stand before it.
struct Block {
    language: String,
    notes: Vec<String>,
    text: String,
}

fn blocks() -> Vec<Block> {
    let (mut blocks, mut notes) = (Vec::new(), Vec::new());
    let mut lines = README.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let body = lines.by_ref().take_while(|line| *line != "```");
            let text = body.map(|line| format!("{line}\n")).collect();
            let notes = std::mem::take(&mut notes);
            blocks.push(Block { language: language.to_owned(), notes, text });
        } else if let Some(note) = line.strip_prefix("<!-- ").and_then(|l| l.strip_suffix(" -->")) {
            notes.push(note.to_owned());
        }
    }
    blocks
}

#[test]
fn files_are_as_shown() {
    let mut shown = 0;
    for block in blocks() {
        let Some(path) = block.notes.iter().find_map(|note| note.strip_prefix("file: ")) else {
            continue;
        };
        let text = fs::read_to_string(Path::new(ROOT).join(path)).expect(path);
        let mut rest = text.as_str();
        // `...` stands for lines that are left out.
        for piece in
            block.text.split_inclusive('\n').collect::<Vec<_>>().split(|l| l.trim() == "...")
        {
            let piece = piece.concat();
            let at = rest.find(&piece);
            let at = at.unwrap_or_else(|| panic!("{path} does not have this, in order:\n{piece}"));
            rest = &rest[at + piece.len()..];
        }
        shown += 1;
    }
    assert!(shown >= 3, "the README shows {shown} files");
}

/// The examples in a folder of their own, changed as the notes say.
fn checkout(notes: &[String]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&Path::new(ROOT).join("examples"), &folder.path().join("examples"));
    for note in notes {
        // `change: OLD => NEW` is for the policy, `change FILE: OLD => NEW` for another file, and
        // `copy: FILE => FILE` makes one.
        let (what, change) = note.split_once(": ").expect("a note on a console block");
        let (old, new) = change.split_once(" => ").expect("old => new");
        let at = |path: &str| folder.path().join(path);
        if what == "copy" {
            fs::copy(at(old), at(new)).expect("a copy");
            continue;
        }
        let file = what.strip_prefix("change ").unwrap_or("examples/amazon-connect/policy.yaml");
        let text = fs::read_to_string(at(file)).expect(file);
        assert!(text.contains(old), "{file} has no `{old}`");
        fs::write(at(file), text.replacen(old, new, 1)).expect("written");
    }
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => copy(&path, &to.join(entry.file_name())),
            path => drop(fs::copy(&path, to.join(entry.file_name())).expect("a copy")),
        }
    }
}

/// A shell's words: blanks part them, double quotes keep them together.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    let words = parts.flat_map(|(i, part)| match i % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

#[test]
fn commands_print_what_it_says() {
    let mut ran = 0;
    for block in blocks().into_iter().filter(|block| block.language == "console") {
        let (command, expected) = block.text.split_once('\n').expect("a command");
        let command = command.strip_prefix("$ ").expect("a prompt");
        let rest = command.strip_prefix("cargo run --release -- ");
        let rest = rest.or(command.strip_prefix("portcullis ")).expect("a command of ours");
        let folder = checkout(&block.notes);
        let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .current_dir(folder.path())
            .env_clear()
            .args(words(rest))
            .output()
            .expect("it runs");
        let stdout = String::from_utf8(output.stdout).expect("UTF-8");
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        let said = stdout + &stderr;
        assert_eq!(said.trim_end(), expected.trim_end(), "{command}");
        ran += 1;
    }
    assert!(ran >= 4, "the README runs {ran} commands");
}
