// A real OpenID provider for oidc.spec.ts, on loopback: whoever comes says who they are, and is believed.
import { Provider } from "oidc-provider";

const port = Number(process.env.PROVIDER_PORT);
const office = process.env.OFFICE_URL ?? "";

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: process.env.PROVIDER_CLIENT ?? "",
      client_secret: process.env.PROVIDER_SECRET ?? "",
      redirect_uris: [`${office}/staff/oidc/back`],
      post_logout_redirect_uris: [`${office}/staff/login`],
    },
  ],
  pkce: { required: () => true },
  claims: { openid: ["sub", "groups"], profile: ["name"], email: ["email"] },
  // In the ID token too, not at the userinfo endpoint only.
  conformIdTokenClaims: false,
  async findAccount(_, id) {
    const groups = id === "new-lead" ? ["kosodate-leads"] : [];
    return { accountId: id, claims: async () => ({ sub: id, name: `${id} さん`, groups }) };
  },
});

provider.listen(port, "127.0.0.1");
