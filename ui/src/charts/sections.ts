/**
 * Keys in sections by what stands before their first slash, and the search among them.
 *
 * Sections of one chart each would leave most of the window empty: they share one section, where the first of them stands.
 */

export interface Section {
  title: string;
  keys: string[];
}

const RANK = ["val", "valid", "validation", "eval", "test", "", "train"];

function rank(title: string): number {
  if (/^(system|sys)$/.test(title)) return 100;
  const at = RANK.indexOf(title);
  return at < 0 ? 50 : at;
}

export function sectionsOf(keys: readonly string[]): Section[] {
  const sections = new Map<string, string[]>();
  for (const key of keys) {
    const slash = key.indexOf("/");
    const title = slash > 0 ? key.slice(0, slash) : "";
    const own = sections.get(title);
    if (own) own.push(key);
    else sections.set(title, [key]);
  }
  const sorted = [...sections]
    .map(([title, own]) => ({ title, keys: own.sort((a, b) => a.localeCompare(b, undefined, { numeric: true })) }))
    .sort((a, b) => rank(a.title) - rank(b.title) || a.title.localeCompare(b.title));
  return shareSingles(sorted);
}

function shareSingles(sections: readonly Section[]): Section[] {
  const singles = sections.filter((section) => section.keys.length === 1 && rank(section.title) < 100);
  if (singles.length < 2) return [...sections];
  const shared = {
    title: singles.map((section) => section.title || "metrics").join(" · "),
    keys: singles.flatMap((section) => section.keys),
  };
  return sections.flatMap((section) =>
    section === singles[0] ? [shared] : singles.includes(section) ? [] : [section],
  );
}

/** Text that the key has, or `/regular expression/`; an expression that is not finished finds all and says why. */
export function keyFilter(text: string): { test: (key: string) => boolean; error: string | null } {
  const pattern = /^\/(.+?)\/?$/.exec(text.trim())?.[1];
  if (pattern !== undefined) {
    try {
      const expression = new RegExp(pattern, "i");
      return { test: (key) => expression.test(key), error: null };
    } catch (error) {
      return { test: () => true, error: error instanceof SyntaxError ? error.message : String(error) };
    }
  }
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return {
    test: (key) =>
      words.every((word) =>
        word.startsWith("!") ? !key.toLowerCase().includes(word.slice(1)) : key.toLowerCase().includes(word),
      ),
    error: null,
  };
}
