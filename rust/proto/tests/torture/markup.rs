//! Reading RFC 4475's markup (§2): messages as text that people can read, expanded into their bytes.

/// A message under its RFC's name.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// Every message of a file: a line `=== name: title`, then the message.
pub(crate) fn samples(file: &'static str) -> Vec<Sample> {
    let file = file.strip_suffix('\n').unwrap_or(file);
    file.split("\n=== ")
        .skip(1)
        .map(|part| {
            let (title, message) = part.split_once('\n').expect("a title line");
            let (name, _) = title.split_once(": ").expect("a name and a title");
            Sample {
                name,
                bytes: expand(&format!("{message}\n")),
            }
        })
        .collect()
}

/// The bytes that marked-up text stands for; line ends become CR LF.
fn expand(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest, mut is_one_line) = (Vec::new(), text, false);
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("<allOneLine>\n") {
            (is_one_line, rest) = (true, after);
        } else if let Some(after) = rest.strip_prefix("</allOneLine>\n") {
            bytes.extend(b"\r\n");
            (is_one_line, rest) = (false, after);
        } else if let Some((digits, after)) = element(rest, "<hex>", "</hex>") {
            bytes.extend(unhex(digits));
            rest = after;
        } else if let Some((repeat, after)) = element(rest, "<repeat count=", "</repeat>") {
            let (count, text) = repeat.split_once('>').expect("end of the tag");
            bytes.extend(text.repeat(count.parse().expect("a count")).bytes());
            rest = after;
        } else {
            let (char, after) = rest.split_at(first.len_utf8());
            match char {
                "\n" if is_one_line => {}
                "\n" => bytes.extend(b"\r\n"),
                char => bytes.extend(char.bytes()),
            }
            rest = after;
        }
    }
    bytes
}

/// What stands between two tags at the beginning of text, and what follows.
fn element<'a>(text: &'a str, open: &str, close: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(open)?.split_once(close)
}

fn unhex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|char| char.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

#[test]
fn markup_is_expanded() {
    let text = "a\n<allOneLine>\nb\n c<hex>00\n ff</hex>\n</allOneLine>\nd<repeat count=3>xy</repeat>\n\n";
    assert_eq!(expand(text), b"a\r\nb c\x00\xff\r\ndxyxyxy\r\n\r\n");
}

#[test]
fn files_are_split_at_their_titles() {
    let samples = samples("words\n=== a: first\nx\n\n=== b: second\ny\nz\n");
    assert_eq!(
        (samples[0].name, samples[0].bytes.as_slice()),
        ("a", b"x\r\n\r\n".as_slice())
    );
    assert_eq!(
        (samples[1].name, samples[1].bytes.as_slice()),
        ("b", b"y\r\nz\r\n".as_slice())
    );
    assert_eq!(samples.len(), 2);
}
