//! What libopus alone costs: encodes a clip and decodes it again, frame by frame, with a call's settings.
//! `opus_cost CLIP.wav FRAMES READER_RATE` prints the frames done; the caller takes the process's CPU time.
use std::error::Error;

use c2c_proto::media::clip::Clip;
use c2c_proto::media::codec::{Codec, Decoder, Encoder, OpusSettings};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("usage: opus_cost CLIP.wav FRAMES READER_RATE");
    let clip = Clip::from_wav(&std::fs::read(next()?)?)?;
    let frames: usize = next()?.parse()?;
    let reader_rate: u32 = next()?.parse()?;
    println!("{}", encode_and_decode(&clip, frames, reader_rate)?);
    Ok(())
}

fn encode_and_decode(clip: &Clip, frames: usize, reader_rate: u32) -> Result<usize, Box<dyn Error>> {
    let mut encoder = Encoder::new(Codec::Opus, clip.rate(), OpusSettings::default())?;
    let mut decoder = Decoder::new(Codec::Opus, reader_rate)?;
    let (mut packet, mut pcm) = (Vec::new(), Vec::new());
    let sound = clip.samples().chunks_exact(clip.rate() as usize / 50);
    let mut done = 0;
    for frame in sound.cycle().take(frames) {
        encoder.encode(frame, &mut packet)?;
        pcm.clear();
        decoder.decode(&packet, &mut pcm)?;
        done += 1;
    }
    Ok(done)
}
