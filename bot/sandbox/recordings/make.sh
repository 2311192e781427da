#!/bin/sh
# Makes the five committed recordings anew: a made-up call in two synthetic voices, 8 kHz 16-bit mono.
# Needs espeak-ng and sox; the files are committed, so neither is needed to run anything.
# The card number is the well-known test number 4111 1111 1111 1111; nobody was born on that day.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { # say NAME VOICE SPEED TEXT: one utterance; -D keeps silence at exactly zero
    espeak-ng -v "$2" -s "$3" -w "$work/$1.spoken.wav" "$4"
    sox -D "$work/$1.spoken.wav" -r 8000 -c 1 -b 16 "$work/$1.wav" gain -6
}
silence_like() { # silence_like NAME: as long as NAME, digital silence
    sox -D -r 8000 -n -c 1 -b 16 "$work/$1.silence.wav" trim 0 "$(soxi -s "$work/$1.wav")s"
}

say question en-gb 180 "Thanks for calling. May I take your card number, and your date of birth?"
say lead en-us+f3 190 "Sure, it is"
say secret en-us+f3 240 "4 1 1 1, 1 1 1 1, 1 1 1 1, 1 1 1 1, born on the third of May, nineteen eighty."
say thanks en-gb 190 "Thank you, that is all."
for part in question lead secret thanks; do silence_like "$part"; done

cd "$work"
sox -D lead.wav secret.wav answer.wav
silence_like answer
sox -D question.wav answer.silence.wav thanks.wav "$here/agent.wav"
sox -D question.silence.wav lead.wav secret.wav thanks.silence.wav "$here/caller-raw.wav"
sox -D question.silence.wav lead.wav secret.silence.wav thanks.silence.wav "$here/caller-redacted.wav"
for version in raw redacted; do # -v 1: no scaling, so the secret has the same bytes on both sides
    sox -D -m -v 1 "$here/agent.wav" -v 1 "$here/caller-$version.wav" "$here/combined-$version.wav"
done
