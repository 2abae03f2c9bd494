//! Logging in by another server (OpenID Connect Core 1.0): authorization code with PKCE (RFC 7636), state and nonce. That
//! server says who somebody is; what they are here, the accounts say, or the groups that the configuration maps.
//!
//! Invariant: an answer counts once, in the browser that asked, and only with the nonce it asked with.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use axum::Router;
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum_extra::extract::CookieJar;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreResponseType, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthenticationFlow, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IdTokenFields,
    IssuerUrl, LogoutRequest, Nonce, PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl,
    ProviderMetadataWithLogout, RedirectUrl, Scope, StandardErrorResponse, StandardTokenResponse, TokenResponse,
};
use protocol::config::Oidc;
use protocol::ids::StaffId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::audit::{Event, What, Who};
use store::staff::{Account, Change, ProviderLogin, State};

use super::entry::{self, By};
use super::login::{No, form_page, was_wrong};
use crate::app::App;
use crate::problem::{Fault, Refusal};
use crate::security;
use crate::visitor::Visitor;

/// Names what was asked, in the browser that asked.
const COOKIE: &str = "__Host-provider";
/// The other server answers within this.
const ANSWERS_IN: Duration = Duration::from_secs(8);
/// Nothing that it sends is larger, in bytes.
const ANSWER: usize = 256 * 1024;
/// The file with this office's secret there.
const SECRET_FILE: &str = "oidc.secret";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/staff/oidc/begin", get(begin))
        .route("/staff/oidc/back", get(back))
}

/// All claims that aren't among the standard ones.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct OtherClaims(HashMap<String, Value>);

impl AdditionalClaims for OtherClaims {}

type Fields = IdTokenFields<
    OtherClaims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type Provider = Client<
    OtherClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What went wrong on the way to the other server.
#[derive(Debug, thiserror::Error)]
enum HttpError {
    #[error(transparent)]
    Reqwest(#[from] reqwest::Error),
    #[error("the answer can't be passed on: {0}")]
    Http(#[from] axum::http::Error),
    #[error("the answer is larger than {ANSWER} bytes")]
    TooLarge,
}

fn http() -> Result<reqwest::Client> {
    // It is asked only where the configuration says: it can't send us anywhere else.
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(ANSWERS_IN);
    Ok(client.build()?)
}

async fn ask(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let (parts, body) = request.into_parts();
    let mut response = client
        .request(parts.method, parts.uri.to_string())
        .headers(parts.headers)
        .body(body)
        .send()
        .await?;
    let mut builder = axum::http::Response::builder().status(response.status());
    for (name, value) in response.headers() {
        builder = builder.header(name, value);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > ANSWER {
            return Err(HttpError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(builder.body(body)?)
}

/// The other server, as it describes itself now, and where it is logged out of.
async fn provider(app: &App, oidc: &Oidc) -> Result<(Provider, Option<LogoutRequest>)> {
    let client = http()?;
    let http = |request| ask(client.clone(), request);
    let issuer = IssuerUrl::new(oidc.issuer.clone())?;
    let described = ProviderMetadataWithLogout::discover_async(issuer, &http)
        .await
        .map_err(|error| anyhow!("{error:?}"))
        .context("oidc.issuer doesn't describe itself")?;
    let logout = described.additional_metadata().end_session_endpoint.clone();
    let secret = std::fs::read_to_string(app.secrets.dir().join(SECRET_FILE)).ok();
    let secret = secret.map(|text| ClientSecret::new(text.trim().to_owned()));
    let back = RedirectUrl::new(format!("{}/staff/oidc/back", app.config.web.public_url))?;
    let client = Client::from_provider_metadata(described, ClientId::new(oidc.client_id.clone()), secret);
    Ok((client.set_redirect_uri(back), logout.map(LogoutRequest::from)))
}

fn configured(app: &App) -> Result<&Oidc, Refusal> {
    app.config.oidc.as_ref().ok_or(Fault::NotFound.into())
}

/// GET /staff/oidc/begin: on to the other server.
async fn begin(visitor: Visitor) -> Result<Response, Refusal> {
    let app = &visitor.app;
    let oidc = configured(app)?;
    let provider = match provider(app, oidc).await {
        Ok((provider, _)) => provider,
        Err(error) => return unreachable(&visitor, &error),
    };
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state, nonce) = provider
        .authorize_url(
            AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .add_scope(Scope::new("profile".to_owned()))
        .add_scope(Scope::new("email".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    let asked = ProviderLogin {
        state: state.secret().clone(),
        nonce: nonce.secret().clone(),
        verifier: verifier.secret().clone(),
    };
    let token = store::staff::open_provider_login(&app.store.ledger, &app.config.office.id, &asked).await?;
    let jar = CookieJar::new().add(security::cookie(COOKIE, &token, None));
    Ok((jar, Redirect::to(url.as_str())).into_response())
}

fn unreachable(visitor: &Visitor, error: &anyhow::Error) -> Result<Response, Refusal> {
    tracing::warn!(error = format!("{error:#}"), "the other server's login fails");
    form_page(visitor, Some(No::Provider), String::new())
}

/// What the other server sends back.
#[derive(Deserialize)]
struct Answer {
    code: Option<String>,
    state: Option<String>,
}

/// GET /staff/oidc/back: back from there.
async fn back(visitor: Visitor, headers: HeaderMap, Query(answer): Query<Answer>) -> Result<Response, Refusal> {
    let app = &visitor.app;
    let oidc = configured(app)?;
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let asked = match visitor.jar.get(COOKIE) {
        Some(cookie) => store::staff::take_provider_login(ledger, office, cookie.value()).await?,
        None => None,
    };
    let state = answer.state.unwrap_or_default();
    let asked = asked.filter(|asked| security::is_same_secret(&asked.state, &state));
    // Somebody else's answer, one that comes twice, or a no.
    let (Some(asked), Some(code)) = (asked, answer.code) else {
        was_wrong(&visitor).await;
        return form_page(&visitor, Some(No::Unknown), String::new());
    };
    let claims = match claims(app, oidc, code, asked).await {
        Ok(claims) => claims,
        Err(error) => return unreachable(&visitor, &error),
    };
    let Some(account) = account_of(app, oidc, &claims).await? else {
        was_wrong(&visitor).await;
        return form_page(&visitor, Some(No::Unknown), String::new());
    };
    let mut response = entry::open(&visitor, &headers, &account, By::Provider, "/staff").await?;
    let gone = security::cookie(COOKIE, "", Some(Duration::ZERO));
    if let Ok(value) = gone.to_string().parse() {
        response.headers_mut().append(axum::http::header::SET_COOKIE, value);
    }
    Ok(response)
}

/// What the other server says of somebody: its ID token, checked (Core §3.1.3.7).
async fn claims(app: &App, oidc: &Oidc, code: String, asked: ProviderLogin) -> Result<Value> {
    let (provider, _) = provider(app, oidc).await?;
    let client = http()?;
    let http = |request| ask(client.clone(), request);
    let answer = provider
        .exchange_code(AuthorizationCode::new(code))?
        .set_pkce_verifier(PkceCodeVerifier::new(asked.verifier))
        .request_async(&http)
        .await
        .map_err(|error| anyhow!("{error:?}"))
        .context("the code is refused")?;
    let token = answer.id_token().context("no ID token")?;
    let claims = token
        .claims(&provider.id_token_verifier(), &Nonce::new(asked.nonce))
        .context("the ID token doesn't hold")?;
    Ok(serde_json::to_value(claims)?)
}

/// Who that is here: an account that is there, or one that a group makes. Its login is in the audit log then.
async fn account_of(app: &App, oidc: &Oidc, claims: &Value) -> Result<Option<Account>, Refusal> {
    let id = claims.get(&oidc.account_claim).and_then(Value::as_str);
    let Some(id) = id.and_then(|id| StaffId::new(id.to_ascii_lowercase()).ok()) else {
        return Ok(None);
    };
    let name = claims.get("name").and_then(Value::as_str).unwrap_or(id.as_str());
    let granted = granted(oidc, claims);
    let (ledger, office, now) = (&app.store.ledger, &app.config.office.id, runtime::now());
    let changed = store::staff::change_all(ledger, office, now, |all, _| {
        let new = || {
            let (role, sections) = granted.clone()?;
            Some(Account::new(id.clone(), name.to_owned(), sections, role))
        };
        let mut account = all.get(&id).cloned().or_else(new).ok_or(())?;
        if account.state == State::Disabled {
            return Err(());
        }
        let mut events = Vec::new();
        let told = |what| Event::new(Who::System, what, &id).with(By::Provider.word());
        if !all.contains_key(&id) {
            events.push(told(What::AccountJoined));
        }
        if let Some((role, sections)) = &granted
            && account.set_rights(*role, sections.clone())
        {
            events.push(told(What::AccountChanged));
        }
        account.join_by_provider();
        account.last_login = Some(now);
        events.extend(entry::events(&account, By::Provider));
        let change = Change {
            accounts: vec![account],
            events,
        };
        // A group that makes the last admin something else isn't obeyed.
        if change.leaves_an_admin(all) {
            Ok(change)
        } else {
            Err(())
        }
    });
    let account = changed
        .await?
        .ok()
        .and_then(|change| change.accounts.into_iter().next());
    Ok(account)
}

/// What somebody's groups make them; the first in the configuration that they are in. `None`: groups say nothing.
fn granted(oidc: &Oidc, claims: &Value) -> Option<(store::staff::Role, Vec<protocol::ids::SectionId>)> {
    let groups = match claims.get(&oidc.groups_claim) {
        Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(group)) => vec![group.as_str()],
        _ => Vec::new(),
    };
    let group = oidc.groups.iter().find(|group| groups.contains(&group.name.as_str()))?;
    Some((group.role, group.sections.clone()))
}

/// Where somebody who logged in there is logged out of it (OpenID Connect RP-Initiated Logout 1.0); `None`: nowhere.
pub(super) async fn logout_url(app: &App) -> Option<String> {
    let oidc = app.config.oidc.as_ref()?;
    let (_, logout) = provider(app, oidc).await.ok()?;
    let back = PostLogoutRedirectUrl::new(format!("{}/staff/login", app.config.web.public_url)).ok()?;
    let request = logout?
        .set_client_id(ClientId::new(oidc.client_id.clone()))
        .set_post_logout_redirect_uri(back);
    Some(request.http_get_url().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::config::OidcGroup;
    use protocol::ids::SectionId;
    use store::staff::Role;

    #[test]
    fn the_first_group_that_is_mapped_says_what_somebody_is() {
        let section = SectionId::new("kosodate").expect("valid");
        let group = |name: &str, role| OidcGroup {
            name: name.to_owned(),
            role,
            sections: vec![section.clone()],
        };
        let oidc = Oidc {
            issuer: "https://sso.example.jp".to_owned(),
            client_id: "madoguchi".to_owned(),
            name: None,
            account_claim: "sub".to_owned(),
            groups_claim: "groups".to_owned(),
            groups: vec![group("leads", Role::Lead), group("everybody", Role::Staff)],
        };
        let role = |claims: Value| granted(&oidc, &claims).map(|(role, _)| role);
        assert_eq!(
            role(serde_json::json!({"groups": ["everybody", "leads"]})),
            Some(Role::Lead)
        );
        assert_eq!(role(serde_json::json!({"groups": "everybody"})), Some(Role::Staff));
        assert_eq!(role(serde_json::json!({"groups": ["others"]})), None);
        assert_eq!(role(serde_json::json!({"groups": 7})), None);
        assert_eq!(role(serde_json::json!({})), None);
    }
}
