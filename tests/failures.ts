// A reporter for node's test runner: of each test that failed its name and why, a line each, for run.ts to say again at the end.
import type { TestEvent } from "node:test/reporters";

/** As long as somebody reads it at the end of a long output. */
const MOST_LETTERS = 500;

export default async function* failures(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type !== "test:fail") continue;
    const { error } = data.details;
    const why = error.cause instanceof Error ? error.cause.message : String(error.cause ?? error.message);
    yield `${data.name}: ${why.replace(/\s+/g, " ").slice(0, MOST_LETTERS)}\n`;
  }
}
