// What the walks of documents 002 and 003 share: the two admins of an upgrade at their pages, and how far it is.
import { ready, until } from './browser.mjs';

/** cloud is the first page of Engagement's own. */
export const cloud = `${ready.engagement.auth_url.replace(/\/$/, '')}/cloud`;

/** at is an address of Connect. */
export const at = (path) => `${ready.connect.url}${path}`;

/** soon bounds what is waited for that the connection does by itself. */
export const soon = { tries: 200 };

export const button = (who, label) => who.page.getByRole('button', { name: label, exact: true });

/** allows presses Allow where a cloud asks for it. */
export async function allows(who) {
  if (await button(who, 'Allow').count()) await who.press('Allow');
}

/** asked reports whether the page asks for a password. */
export const asked = async (who) => (await who.page.locator('input[type=password]').count()) > 0;

/** signsIn gives what a cloud asks for, where it asks: nothing of somebody who is signed in. */
async function signsIn(who, by, login) {
  if (await asked(who)) await who[by === 'engagement' ? 'signsInToEngagement' : 'signsInToOrg'](login, { stay: true });
  await allows(who);
}

/** comes is an admin at a page of Connect, by the cloud that he works in, 'salesforce' or 'engagement'. */
export async function comes(who, by, path, pair = ready) {
  const query = new URLSearchParams({ return: path, ...(pair.id && { pair: pair.id }) });
  await who.visit(at(`/console/sign-in/${by}?${query}`));
  await signsIn(who, by, by === 'engagement' ? pair.engagement.admin : pair.crm.admin);
}

/** opensTab is somebody at the Marketing Cloud tab. */
export async function opensTab(who, login, pair = ready) {
  await who.visit(at(`/marketing-cloud${pair.id ? `?pair=${pair.id}` : ''}`));
  await signsIn(who, 'salesforce', login);
}

/** course is the upgrade of a pair, by a client of Connect's API. */
export function course(connect) {
  const upgrade = async () => (await connect('GET', '/upgrade')).upgrade;
  /** turn waits until the upgrade waits for an admin at the step, or has come to the state. */
  const turn = (step) => until(step, async () => {
    const u = await upgrade();
    return (u?.state === step || (u?.state === 'waiting' && u.waiting?.step === step && u.waiting.for !== 'connect')) && u;
  }, soon);
  /** done says on the page that a step was done, unless Connect has seen it by itself, and waits for the next. */
  const done = async (who, next) => {
    await who.visit(at('/upgrade'));
    if (await button(who, 'Done: look now').count()) await who.press('Done: look now');
    return turn(next);
  };
  return { upgrade, turn, done };
}
