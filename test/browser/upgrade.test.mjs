// Document 003 by two admins in two browsers, from the guide to the wizard: each sees whose turn it is. fixture: legacy
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { person, ready } from './browser.mjs';
import { connect } from './api.mjs';

const state = async () => (await connect('GET', '/upgrade')).upgrade?.state;

// seed:page S003-02 S003-07 S003-08 S003-16 S003-17 S003-18 S003-19 S003-20 S003-21 S003-22 S003-23 S003-24 S003-25 S003-27
test('the Engagement admin begins, the CRM admin has the next step and takes all of it back', async () => {
  const olga = await person('the Engagement admin', { script: true });
  const cloud = `${ready.engagement.auth_url.replace(/\/$/, '')}/cloud`;
  await olga.visit(cloud);
  await olga.signsInToEngagement(ready.engagement.admin, { stay: true });
  await olga.visit(`${cloud}/email/admin/salesforce-integration`);
  if (await olga.page.getByRole('button', { name: 'Allow' }).count()) await olga.press('Allow');
  await olga.sees('Connected App Authentication is required for all Marketing Cloud Connect accounts as of June 1, 2016.');
  for (const name of ['000', '001', '002', '004', '003']) {
    await olga.visit(`${ready.connect.url}/guides/${name}`);
    await olga.sees('Next step');
  }
  await olga.sees('Schedule a 2-hour sending outage for the upgrade.');
  await olga.sees(/log out of any active Sales or Service Cloud sessions, other than the Salesforce system user session/);
  await olga.visit(`${ready.connect.url}/guides/003?print=1`);
  await olga.visit(`${ready.connect.url}/upgrade?kind=connected_app`);
  await olga.sees('You are here as the Engagement admin.');
  const begin = olga.form('I acknowledge the changes to my account');
  await begin.check('I acknowledge the changes to my account');
  await begin.press('Upgrade to Connected App');

  const carl = await person('the CRM admin', { phone: true });
  await carl.visit(`${ready.connect.url}/console/sign-in/salesforce?return=/upgrade`);
  await carl.signsInToOrg(ready.crm.system_user, { stay: true });
  if (await carl.page.getByRole('button', { name: 'Allow' }).count()) await carl.press('Allow');
  await carl.sees('You are here as the Sales or Service Cloud admin.');
  // Nobody pressed anything: the page was told that it is the other's turn.
  await olga.sees('The upgrade waits for the Sales or Service Cloud admin. You have nothing to do now.');
  await carl.visit(`${ready.connect.url}/upgrade`);
  await carl.sees('It is your turn.');
  await carl.sees('The connection is unavailable (upgrade in progress)');
  await carl.visit(`${ready.connect.url}/upgrade/cancel`);
  await carl.fill({ 'Why; kept on record': 'a rehearsal' });
  await carl.press('Cancel the upgrade');
  await olga.sees('The last upgrade (connected app) is cancelled.');
  assert.equal(await state(), 'cancelled');
  await olga.visit(`${ready.connect.url}/salesforce-integration`);
  await olga.visit(`${ready.connect.url}/salesforce-integration/connect-account`);
  await olga.sees(/https:\/\/mycompany.my.salesforce.com/);
  await olga.leaves();
  await carl.leaves();
});
