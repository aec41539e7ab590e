/** What works on a set of pictures: it follows the state, changes the set, and says so. */
import type { Notices } from "./notices.ts";
import type { Observable } from "./observable.ts";
import type { PictureSet } from "./picture-set.ts";
import type { State } from "./state.ts";

/** What each of these is given. */
export abstract class OfTheSet {
  protected readonly state: Observable<State>;
  protected readonly notices: Notices;
  protected readonly set: PictureSet;

  constructor(state: Observable<State>, notices: Notices, set: PictureSet) {
    this.state = state;
    this.notices = notices;
    this.set = set;
  }
}
