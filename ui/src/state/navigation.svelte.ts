/** Where the user is, and how the page goes elsewhere. The address is the state: going back restores all of it. */
import { root } from "../api/client";
import { readRoute, type Route } from "./route";

class Navigation {
  route: Route = $state.raw(readRoute(location.pathname, root));
  search: string = $state.raw(location.search);

  constructor() {
    window.addEventListener("popstate", () => this.#read());
  }

  #read(): void {
    this.route = readRoute(location.pathname, root);
    this.search = location.search;
  }

  /** The address of `path` (below the server's root), for links. */
  href(path: string, search = ""): string {
    return `${root}${path}${search ? `?${search.replace(/^\?/, "")}` : ""}`;
  }

  /** Goes to another view: one more entry in the history. */
  go(path: string, search = ""): void {
    history.pushState(null, "", this.href(path, search));
    this.#read();
  }

  /** Writes the state of the present view into the address; `step` makes it one that "back" returns to. */
  keep(search: string, step: boolean): void {
    const text = search ? `?${search}` : "";
    if (text === location.search) return;
    const address = location.pathname + text;
    if (step) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    this.search = text;
  }

  /** For links: a plain click stays on the page, others do what the browser does. */
  follow = (event: MouseEvent): void => {
    const link = (event.target as Element | null)?.closest("a");
    if (!link || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const target = new URL(link.href);
    if (link.target || link.hasAttribute("download") || target.origin !== location.origin) return;
    if (!target.pathname.startsWith(root) || target.pathname.startsWith(`${root}api/`)) return;
    event.preventDefault();
    this.go(target.pathname.slice(root.length), target.search);
  };
}

export const navigation = new Navigation();
