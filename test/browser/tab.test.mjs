// The Marketing Cloud tab: how a person maps himself, and what he is asked and told. fixture: demo
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { person, ready } from './browser.mjs';
import { connect } from './api.mjs';

const [user] = ready.crm.users;

/** mapping is what Connect's API knows of the user. */
const mapping = async () => (await connect('GET', '/users')).users.find((u) => u.crm_username === user.username);

// seed:page S000-07 S000-11 S000-17 S000-26 S001-45 S001-46 S001-47 S001-48 S001-49
test('a user resets his mapping and connects again, with what he is warned of before', async () => {
  const maya = await person('a mapped user');
  await maya.visit(`${ready.connect.url}/marketing-cloud`);
  await maya.signsInToOrg(user, { stay: true });
  if (await maya.page.getByRole('button', { name: 'Allow' }).count()) await maya.press('Allow');
  await maya.sees('Connected as');
  const first = await mapping();
  assert.equal(first.state, 'mapped');
  await maya.press('Reset my mapping');
  assert.notEqual((await mapping())?.state, 'mapped');
  await maya.sees('log out of all active Engagement sessions');
  await maya.sees('Closing the tab doesn’t end an active session.');
  await maya.press('Connect to Marketing Cloud');
  await maya.signsInToEngagement(ready.engagement.users[0], { stay: true });
  await maya.sees('Nothing is stored yet.');
  await maya.press('Yes, connect me');
  await maya.sees('Connected as');
  const second = await mapping();
  assert.equal(second.state, 'mapped');
  assert.equal(second.engagement_username, first.engagement_username);
  assert.notEqual(second.mapped_at, first.mapped_at);
  await maya.press('Sign out of Connect');
  await maya.leaves();
});
