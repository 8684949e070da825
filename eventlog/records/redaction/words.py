"""Words that make a name secret, and words that make a name harmless."""


def _split(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that make a name secret in any position, unless its last word is a description.
ANYWHERE = _split(
    """
    token secret cookie credential cred csrf xsrf jwt hmac sess sessid sessionid phpsessid
    jsessionid aspsessionid oauth authorization authorisation bearer iban dsn samlrequest
    samlresponse passkey psk mnemonic
    """
)
ANYWHERE_NUMERIC = _split(
    """
    password passwd passphrase passcode pwd passwort kennwort otp totp hotp cvv cvc ccv csc ssn
    mpin pincode puk pswd motdepasse contrasena contraseña senha wachtwoord пароль 密码
    """
)
# Endings of words that are written without a separator: "authtoken", "dbpassword".
ENDINGS = (
    "token", "tokens", "secret", "secrets", "sessid", "sessionid", "credential", "credentials",
    "cookie", "cookies", "authorization", "oauth",
)  # fmt: skip
ENDINGS_NUMERIC = ("password", "passwd", "passphrase", "passcode", "pwd")
BEGINNINGS = ("password", "passwd", "csrf", "xsrf", "secretkey", "secretaccess", "sessionid")

# Words that make a name secret only at its end.
LAST = _split("signature sig sid salt")
LAST_WEAK = _split("session auth pass card")
LAST_BY_FORM = _split("authentication assertion nonce ticket verifier")
LAST_NUMERIC = _split("pin pw mdp")
ALONE = _split("api")  # secret only if the name has no other word
PLAIN_BEFORE = {
    "key": _split(
        """
        primary foreign sort shipping cache partition group order natural composite unique public
        publishable object translation row lookup event index dict json map field column hash range
        idempotency message msg locale setting config registry item product category page route
        routing queue task job cursor metric tag label file image theme feature flag search filter
        arrow hot short shortcut space enter escape function control shift home left right up down
        musical answer legend join merge dedup deduplication rate throttle content entity model
        project issue ticket jira country region state language name value type option choice menu
        low candidate surrogate business house car door floor main pk fk parent child node tree
        path url slug year date time i18n billing payment delivery address
        """
    ),
    "card": _split(
        """
        score wild post flash report business punch trump sd memory graphics graphic video sound
        index twitter kanban trello greeting birthday playing dash info product profile
        """
    ),
    "pass": _split(
        "boarding season ski bus day first second third multi single travel by low high"
    ),
    "pin": _split(
        "gpio map drop push rolling bowling safety board lapel led data io input output firing"
    ),
    "session": _split(
        """
        conference talk training workout yoga study parallel poster plenary work game therapy
        coaching breakout photo jam lab keynote
        """
    ),
    "signature": _split("email mail function method time type"),
    "salt": _split("sea bath table epsom rock"),
    "sid": _split("message sms call account"),
}

KEY_SECRET = _split(
    """
    api secret private access auth authentication authorization encryption encrypt decryption
    decrypt signing sign signature session ssh rsa dsa ecdsa pgp gpg pem ssl tls jwt hmac aes crypto
    cipher master root shared preshared license licence activation confirm confirmation
    verification verify reset recovery invite invitation consumer webhook integration deploy bot
    wifi wpa wep vapid fernet django stripe twilio sendgrid mailgun mailchimp aws azure gcp github
    gitlab slack openai anthropic datadog algolia cloudflare heroku firebase fcm paypal shopify
    pusher developer live sandbox restricted unlock backup wallet login magic onetime vault
    security pass
    """
)
CODE_SECRET = _split(
    """
    mfa totp otp 2fa tfa twofactor security verification verify activation reset recovery backup
    sms login signin auth authorization authentication authenticator authorisation access
    confirmation confirm pairing unlock pass pin onetime device card scratch emergency secret
    """
)
URL_SECRET = _split(
    """
    database db webhook redis broker amqp mongo mongodb postgres mysql smtp reset activation
    verification confirmation magic signed presigned magiclogin
    """
)
COMPOUND_SECRET = _split(
    """
    connectionstring connstr securityanswer secretanswer codeverifier oauthverifier
    clientassertion seedphrase recoveryphrase backupphrase accesskeyid awsaccesskeyid
    sessionhash sessiondata sessionkey authhash authheader authdata carddata carddetail loginlink
    signinlink samlrequest samlresponse samlart creditcard debitcard bankcard paymentcard dbpass
    userpass
    """
)
COMPOUND_NUMERIC = _split(
    """
    cardnumber cardno cardnum cardpan cardcvv cardcvc creditcardnumber ccnumber ccnum ccno
    accountnumber bankaccountnumber routingnumber socialsecurity socialsecuritynumber pinnumber
    passportnumber passportno password passwd passphrase motdepasse
    """
)
# Words after a secret word that do not change its level: "key_id", "session_data".
NEUTRAL = _split(
    """
    id ids value data header string str text raw plain plaintext hash hashed digest new old current
    confirm confirmation again repeat retype verify encrypted encoded base hex content input param
    json blob
    """
)
# First words of names whose values are numbers or booleans.
QUANTITIES = _split(
    "is has had can should num number max min total requires needs supports avg average count n nb"
)
# Last words of names that describe a secret, such as "token_type".
DESCRIPTIONS = _split(
    """
    type types count counts total version versions length len size limit limits age at on date time
    timestamp expires expire expiry expiration expired exp ttl lifetime timeout month year day days
    hour hours minute minutes second seconds start started end ended duration name names label
    status state enabled disabled required optional valid invalid verified present exists exist
    changed created updated modified used unused provider providers method methods backend backends
    scheme level strength score policy policies brand network issuer algorithm algorithms alg format
    index position field fields form page view class model error errors reason attempts attempt
    tries retries failures failure failed success result results domain path samesite secure consent
    banner notice settings preferences accepted allowed country currency holder user users username
    owner usage scope scopes audience url uri link endpoint file filename dir folder prefix left
    remaining quota budget rate price cost balance amount symbol address contract decimals last four
    funding design color colour title description help validators validator rules manager
    middleware hashers kind role lang in until since after before
    """
)
