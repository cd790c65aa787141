/** Which of many texts a few typed letters mean, best first. Pure. */

/** Those of `all` whose text has every typed word; a word at a text's beginning counts most, then at a word's. */
export function fitting<T>(all: readonly T[], typed: string, textOf: (one: T) => string): T[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  return all
    .map((one, place) => ({ one, place, score: scoreOf(textOf(one).toLowerCase(), words) }))
    .filter(({ score }) => score !== null)
    .sort((a, b) => (b.score ?? 0) - (a.score ?? 0) || a.place - b.place)
    .map(({ one }) => one);
}

function scoreOf(text: string, words: string[]): number | null {
  let score = 0;
  for (const word of words) {
    const at = text.indexOf(word);
    if (at < 0) return null;
    score += at === 0 ? 3 : text.includes(` ${word}`) ? 2 : 1;
  }
  return score;
}
