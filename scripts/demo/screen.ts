// What the demo shows: one line per event with the time that has passed, commands as a user would type them, and what
// they answered. Colour only where the terminal shows it (NO_COLOR is honoured); the text says everything without it.

import { styleText } from "node:util";

const started = performance.now();

const INDENT = " ".repeat(11);

const elapsed = (): string => `[${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s]`;

const line = (text: string): void => console.log(`${styleText("dim", elapsed())}  ${text}`);

/** Something has happened, or is about to. */
export const say = (text: string): void => line(text);

/** A new step of the story, after a blank line. */
export function heading(text: string): void {
  console.log("");
  line(styleText("bold", text));
}

/** A command that is being run now. */
export const command = (text: string): void => line(styleText("cyan", `$ ${text}`));

/** What a command answered. */
export function output(text: string): void {
  if (text.trim() === "") return;
  for (const row of text.trimEnd().split("\n")) console.log(`${INDENT}${row}`.trimEnd());
}

export const success = (text: string): void => line(styleText("green", text));

/** The end of a demo that did not work; to stderr, details below. */
export function failure(text: string, details: string): void {
  console.error(`\n${elapsed()}  ${styleText("red", text, { stream: process.stderr })}`);
  if (details !== "") console.error(details);
}
