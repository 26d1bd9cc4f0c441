use hound::WavWriter;
use proptest::prelude::*;

use super::*;

fn spec(channels: u16, bits: u16, format: SampleFormat) -> WavSpec {
    WavSpec {
        channels,
        sample_rate: 16_000,
        bits_per_sample: bits,
        sample_format: format,
    }
}

fn wav<S: hound::Sample>(spec: WavSpec, samples: impl IntoIterator<Item = S>) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut file, spec).unwrap();
    samples
        .into_iter()
        .for_each(|sample| writer.write_sample(sample).unwrap());
    writer.finalize().unwrap();
    file.into_inner()
}

#[test]
fn all_sample_formats_give_the_same_sound() {
    let expected = [0, 256, -256, 16_384, -32_768];
    let scaled = |shift: u32| {
        expected.map(|sample: i32| {
            if shift < 16 {
                sample >> (16 - shift)
            } else {
                sample << (shift - 16)
            }
        })
    };
    for bits in [8, 16, 24, 32] {
        let file = wav(spec(1, bits, SampleFormat::Int), scaled(u32::from(bits)));
        let clip = Clip::from_wav(&file).unwrap();
        assert_eq!(clip.samples(), expected.map(|sample| sample as i16), "{bits} bits");
        assert_eq!(clip.rate(), 16_000);
    }
    let file = wav(
        spec(1, 32, SampleFormat::Float),
        expected.map(|sample| sample as f32 / 32_768.0),
    );
    assert_eq!(
        Clip::from_wav(&file).unwrap().samples(),
        expected.map(|sample| sample as i16)
    );
}

#[test]
fn channels_are_mixed_down() {
    let file = wav(
        spec(2, 16, SampleFormat::Int),
        [100_i16, 300, -200, 0, i16::MAX, i16::MAX],
    );
    assert_eq!(Clip::from_wav(&file).unwrap().samples(), [200, -100, i16::MAX]);
}

#[test]
fn floats_beyond_full_scale_are_clipped_and_nan_is_silence() {
    let file = wav(
        spec(1, 32, SampleFormat::Float),
        [3.0_f32, -3.0, f32::NAN, f32::INFINITY],
    );
    assert_eq!(
        Clip::from_wav(&file).unwrap().samples(),
        [i16::MAX, i16::MIN, 0, i16::MAX]
    );
}

#[test]
fn duration_is_that_of_the_samples() {
    assert_eq!(
        Clip::new(8_000, vec![0; 4_000]).unwrap().duration(),
        Duration::from_millis(500)
    );
    assert_eq!(Clip::new(8_000, Vec::new()).unwrap().duration(), Duration::ZERO);
}

#[test]
fn a_streamed_or_cut_file_is_read_as_far_as_it_goes() {
    let whole = wav(spec(1, 16, SampleFormat::Int), 0..1_000_i16);
    let mut streamed = whole.clone();
    // what ffmpeg and espeak-ng write to a pipe: they don't know the length yet
    streamed[4..8].fill(0xff);
    streamed[40..44].fill(0xff);
    assert_eq!(Clip::from_wav(&streamed), Clip::from_wav(&whole));
    let cut = Clip::from_wav(&whole[..44 + 201]).unwrap();
    assert_eq!(cut.samples().len(), 100);
}

#[test]
fn errors_say_what_is_wrong() {
    let rate = |sample_rate| {
        wav(
            WavSpec {
                sample_rate,
                ..spec(1, 16, SampleFormat::Int)
            },
            [0_i16; 10],
        )
    };
    assert_eq!(Clip::from_wav(&rate(4_000)), Err(ClipError::Rate(4_000)));
    assert_eq!(Clip::from_wav(&rate(192_000)), Err(ClipError::Rate(192_000)));
    assert_eq!(Clip::from_wav(&rate(44_101)), Err(ClipError::Rate(44_101)));
    assert_eq!(
        Clip::from_wav(&wav(spec(9, 16, SampleFormat::Int), [0_i16; 9])),
        Err(ClipError::Channels(9))
    );
    assert_eq!(Clip::new(8_000, vec![0; 8_000 * 601]), Err(ClipError::TooLong(601)));
    assert_eq!(Clip::new(0, vec![0]), Err(ClipError::Rate(0)));
    for broken in [&b""[..], b"RIFF", b"ID3\x04mp3", &rate(8_000)[..30]] {
        assert!(
            matches!(Clip::from_wav(broken), Err(ClipError::NotWav(_))),
            "{broken:?}"
        );
    }
    let mut compressed = rate(8_000);
    compressed[20] = 0x11;
    assert_eq!(Clip::from_wav(&compressed), Err(ClipError::Encoding));
}

#[test]
fn the_demo_clips_are_readable() {
    for file in [
        &include_bytes!("../../../../../python/c2c/gateway/speech/hello.wav")[..],
        include_bytes!("../../../../../python/c2c/gateway/speech/greeting.wav"),
    ] {
        let clip = Clip::from_wav(file).unwrap();
        assert!(file.len() <= 150_000);
        assert_eq!(clip.rate(), 16_000);
        assert!((3.0..=5.0).contains(&clip.duration().as_secs_f64()));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_clip_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Clip::from_wav(&bytes);
    }

    #[test]
    fn a_mutated_file_is_a_clip_or_an_error(
        changes in proptest::collection::vec((0..80_usize, any::<u8>()), 1..6),
        bits in prop::sample::select(vec![8_u16, 16, 24, 32]),
        channels in 1..4_u16,
        length in 0..200_usize,
    ) {
        let samples = vec![1; 12 * usize::from(channels)];
        let mut file = wav(spec(channels, bits, SampleFormat::Int), samples);
        for (at, value) in changes {
            if let Some(byte) = file.get_mut(at) {
                *byte = value;
            }
        }
        file.truncate(file.len().min(length));
        if let Ok(clip) = Clip::from_wav(&file) {
            prop_assert!(clip.samples().len() <= file.len());
        }
    }
}
