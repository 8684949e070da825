"""Names and values that are masked, and names and values that are kept."""

# Names under which every text is masked.
SECRET_NAMES = """
    password password1 new_password newPassword1 PASSWORD passwd passphrase passcode pwd user_pwd
    password2 password_hash passwordConfirm old-password user[password] form-0-password dbpassword
    one_time_password PGPASSWORD passwort contraseña senha motdepasse userpass pass db_pass
    token access_token refreshToken csrfmiddlewaretoken tokens id_token authToken authtoken
    X-Auth-Token page_token reset_token __RequestVerificationToken bearer_token token_id csrf_token
    xsrf X-CSRFToken secret client_secret SECRET_KEY secrets aws_secret_access_key totp_secret
    SECRET_KEY_FALLBACKS clientSecret webhook_secret
    apiKey api_key apikey APIKey X-API-Key api_keys stripe_key openai_api_key encryption_key
    private_key privateKey ssh_key sshkey sshkeys reset_key activation_key signing_key license_key
    access_key AWS_ACCESS_KEY_ID session_key master_key key keys jwt_key fernet_key twilio_key
    authorization Authorization Proxy-Authorization HTTP_AUTHORIZATION auth oauth basic_auth
    OAuthToken auth_header oauth_verifier code_verifier client_assertion
    session sessionid session_id PHPSESSID JSESSIONID jsessionid sid connect.sid ASP.NET_SessionId
    session_data laravel_session cookie cookies Set-Cookie HTTP_COOKIE session_cookie
    signature sig X-Amz-Signature X-Goog-Credential x_hub_signature signatures
    card card_number creditCard credit_card cardNumber cards card_data cc_number
    cvv cvc2 cvc CVV2 csc otp otp_code totp pin pincode pin_code userPin card_pin PINs ssn iban
    credentials aws_creds jwt bearer hmac dsn sentry_dsn salt password_salt psk passkey
    mfa_code verificationCode security_code recovery_codes backup_codes 2fa_code sms_code
    two_factor_code confirmation_code auth_code access_code device_code activation_code
    magic_link DATABASE_URL webhook_url reset_link activation_url redis_url presigned_url
    SAMLResponse SAMLRequest SAMLart samlrequest account_number passport_number bankAccountNumber
    security_answer seed_phrase connection_string api
    PassWord passWord pass_word Pass-Word PASSword PassWordHash pass_phrase ToKen pw userPw pw_hash
    mot_de_passe mdp pa\u200bssword
"""

# Names under which text is kept, although many contain a word of a secret name.
PLAIN_NAMES = """
    author author_id authors authority authenticated authenticator auth_type auth_method
    auth_backend auth_user auth_user_id keyword keywords keyboard keypress keynote monkey turkey
    hockey whiskey primary_key foreign_key shipping_key sort_key cache_key public_key partition_key
    unique_key order_key idempotency_key translation_key ssh_public_key stripe_publishable_key
    key_name key_type keys_pressed key_points
    passion trespass passenger passage passed compass bypass passport boarding_pass season_pass
    pass_rate pass_count first_pass surpass encompass
    tokenizer tokenized token_type token_count max_tokens total_tokens tokens_used token_expires_at
    token_expires_in token_name
    secretary secret_name secret_version session_count session_name session_start session_duration
    sessions_total obsession possession conference_session
    card_type card_brand card_id card_holder cardinality cardio discard wildcard postcard scorecard
    score_card card_last4 card_expiry
    capital therapist rapid api_version api_url rest_api apiVersion okapi
    shipping opinion pinned spinning pin_color pin_count map_pin gpio_pin pineapple pink
    cookie_consent cookie_policy cookies_enabled cookie_domain cookiecutter
    password_length password_changed_at password_policy has_password is_password_set
    password_validators password_required num_passwords
    rootpath footprint hotplug salty sea_salt basalt inside sidebar residence design designer
    signature_count email_signature signatory assign
    code country_code promo_code state zip_code coupon_code status_code url account ticket page q id
    name status email username first_name order product total currency city phone amount quantity
    title slug lang path method referer device browser credentials_valid private is_private
    private_notes private_message ssnake dsny hmacs_total card_name provider oauth_provider
    oauth_scope basic_plan pass_word_count pwa ipw tokenKind
"""

# Values that are masked under the plain name "note".
SECRET_VALUES = [
    "Bearer S",
    "bearer abc.def.ghi",
    "Basic dTpw",
    "Basic YW5uYTpodW50ZXIy",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "eyJhbGciOiJkaXIifQ..aXZpdg.Y2lwaGVy.dGFn",
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "ghp_" + "a1B2c3D4" * 5,
    "gho_" + "a1B2c3D4" * 5,
    "ghs_" + "a1B2c3D4" * 5,
    "github_pat_" + "11ABCDEFG0_" * 5,
    "sk_" + "live_" + "a1B2c3D4" * 3,
    "sk_" + "test_" + "a1B2c3D4" * 3,
    "rk_" + "live_" + "a1B2c3D4" * 3,
    "whsec_" + "a1B2c3D4" * 4,
    "xox" + "b-123456789012-1234567890123-a1B2c3D4e5F6",
    "xox" + "p-123456789012-a1B2c3D4e5F6",
    "xapp-1-A0123456789-1234567890123-abcdef",
    "https://hooks.slack.com/services/" + "T00000000/B00000000/" + "X" * 24,
    "glpat-" + "a1B2c3D4e5F6g7H8i9J0",
    "glrt-" + "a1B2c3D4e5F6g7H8i9J0",
    "AIza" + "SyA1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q",
    "ya29." + "a0AfH6SMBx-a1B2c3D4e5F6",
    "GOCSPX-" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4",
    "npm_" + "a1B2c3D4" * 5,
    "SG." + "a1B2c3D4e5F6g7H8i9J0k1." + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V",
    "sk-proj-" + "a1B2c3D4" * 4,
    "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\nxx\n-----END PGP PRIVATE KEY BLOCK-----",
    "4111111111111111",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4111.1111.1111.1111",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "3782 822463 10005",
    "6011111111111117",
    "30569309025904",
    "3530111333300000",
    4111111111111111,
    378282246310005,
]

# Values that are kept under the plain name "note".
PLAIN_VALUES = [
    "bearer of bad news",
    "the Bearer of this letter",
    "Basic plan",
    "Basic training for beginners",
    "a token of gratitude",
    "bearer service-level2 agreement",
    "bearer+of+bad+news",
    "the key=value pairs",
    "Your password: at least 8",
    "Password: at least 8 characters",
    "password: required",
    "('password', 'email')",
    "[('a', 'b')]",
    "use --token to log in",
    '<input type="text" name="city" value="Bonn">',
    '<label id="password_label">Password</label>',
    "x == y, a != b",
    "color%3A%20red",
    "docker run -u 1000:1000 site",
    "eyJ",
    "AKIA",
    "task-management-for-beginners-in-django",
    "sk-learn-tutorial-for-complete-beginners",
    "pk_" + "live_" + "a1B2c3D4" * 3,
    "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----",
    "4111111111111112",
    "1234567890123456",
    "1700000000000",
    "9783161484100",
    "+49 151 2345 6789",
    "2024-05-01 10:30:00",
    "2024-05-01T10:30:00+00:00",
    "550e8400-e29b-41d4-a716-446655440000",
    "d670460b4b4aece5915caf5c68d12f560a9fe3e4",
    "3.14159265358979",
    "48.137154, 11.576124",
    "192.0.2.7",
    "2001:db8::7",
    "anna@example.org",
    "https://example.org/talks/my-first-talk/?page=2#top",
    "mailto:anna@example.org",
    "a=1&b=2",
    "YWJwYXNzZGVm==",
    "Session: Keynote by Anna",
    "Key: see below",
    "Primary key: id",
    '{"page": 2, "author": "anna", "session_count": 3}',
    "{'author': 'anna'}",
    "100% sure",
    "x = 3",
    "C:\\Users\\anna\\file.txt",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0",
    "<b>author</b>",
    "",
    " ",
    "Grüße aus Köln",
    3,
    2.5,
    True,
    1700000000000,
    12345678901234567890123,
    {"token": "", "password": None},
    ["password", "email"],
    ["--token", "--verbose"],
    [["a", "b"], ["c", "d", "e"]],
    {"type": "card", "value": "visa"},
    {"id": "token_type", "value": "bearer"},
    4111111111111112,
]

SECRET_NAMES = SECRET_NAMES.split()
PLAIN_NAMES = PLAIN_NAMES.split()

# Values in which "S3cr" is a secret, and the same values masked.
VALUES_WITH_SECRETS = [
    ({"a": "authorization=Bearer S3crS3crS3cr1"}, {"a": "authorization=********"}),
    ("Authorization = Token S3cr1abcdefgh", "Authorization = ********"),
    ("auth=Basic S3crcjpwYXNz", "auth=********"),
    ("x-api-key=ApiKey S3cr now", "x-api-key=******** now"),
    ("authorization=Digest username=a, response=S3cr", "authorization=********"),
    ("authorization=Custom S3cr now", "authorization=******** now"),
    ("authorization=Bearer 'S3cr'", "authorization=********"),
    ("authorization=Bearer ab/S3cr, a", "authorization=******** a"),
    ("the password=ab/S3cr now", "the password=******** now"),
    ('password := "S3cr"', 'password := "********"'),
    ('password => "S3cr"', 'password => "********"'),
    ('password == "S3cr"', 'password == "********"'),
    ('password=="S3cr"', 'password=="********"'),
    ("password !== 'S3cr'", "password !== '********'"),
    ("token += 'S3cr'", "token += '********'"),
    ("token ||= 'S3cr'", "token ||= '********'"),
    ("password            =    S3cr", "password            =    ********"),
    ('"password":            "S3cr"', '"password":            "********"'),
    ('mutation($password:String="S3cr"){x}', "mutation($password:********){x}"),
    ('query($token: [String!] = "S3cr", $a: Int)', "query($token: ********, $a: Int)"),
    ('query($token:String=\\"S3cr\\"){x}', "query($token:********){x}"),
    ("password: str = 'S3cr'", "password: ********"),
    ("<entry key='password'>S3cr</entry>", "<entry key='password'>********</entry>"),
    ('<param name="password">S3cr</param>', '<param name="password">********</param>'),
    ('<add key="ApiKey" value="S3cr"/>', '<add key="ApiKey" value="********"/>'),
    ('<input value="S3cr" type="password">', '<input value="********" type="password">'),
    ("<input name=password value=S3cr>", '<input name=password value="********">'),
    ("<password><![CDATA[S3cr]]></password>", "<password>********</password>"),
    ("<password><![CDATA[S3cr", "<password>********"),
    (
        "<key>password</key><string>S3cr</string>",
        "<key>password</key><string>********</string>",
    ),
    ("[('password', 'S3cr')]", "[('password', '********')]"),
    ("OrderedDict([('password', 'S3cr')])", "OrderedDict([('password', '********')])"),
    ("[(b'authorization', b'Bearer S3cr')]", "[(b'authorization', b'********')]"),
    ("[['a', 'b'], ['password', 'S3cr']]", "[['a', 'b'], ['password', '********']]"),
    ("os.environ['SECRET_KEY']='S3cr'", "os.environ['SECRET_KEY']='********'"),
    ("$_POST['password'] = 'S3cr'", "$_POST['password'] = '********'"),
    ('"token"\n:\n"S3cr"', '"token"\n:\n"********"'),
    ('sent {"pass\\u0077ord": "S3cr"} now', 'sent {"password": "********"} now'),
    (["--token", "S3cr", "a"], ["--token", "********", "a"]),
    ("--password S3cr", "--password ********"),
    ("run --api-key 'S3cr x' now", "run --api-key '********' now"),
    ("curl -u user:S3cr http://x", "curl -u user:******** http://x"),
    ([["password", "S3cr"], ["a", "b", "c"]], [["password", "********"], ["a", "b", "c"]]),
    ([["password", "S3cr"], "a"], [["password", "********"], "a"]),
    ({"type": "password", "value": "S3cr"}, {"type": "password", "value": "********"}),
    ({"label": "password", "value": "S3cr"}, {"label": "password", "value": "********"}),
    ({"id": "password", "value": "S3cr"}, {"id": "password", "value": "********"}),
    ({"name": "password", "initial": "S3cr"}, {"name": "password", "initial": "********"}),
    (
        {"name": "a", "type": "password", "value": "S3cr"},
        {"name": "a", "type": "password", "value": "********"},
    ),
    ("%7B%22password%22%3A%22S3cr%22%7D", "%7B%22password%22:%22********%22%7D"),
    ("sent: %7B%22password%22%3A%22S3cr%22%7D", "sent: %7B%22password%22:%22********%22%7D"),
    ("/h/?%7B%22password%22%3A%22S3cr%22%7D", None),
    ("password%3A%20S3cr", "password:%20********"),
    ("the api_key%3DBearer S3cr", "the api_key%3D********"),
]

# Query strings in which "S3cr" is a secret, and the same query strings masked.
QUERIES_WITH_SECRETS = [
    ("x=authorization%3DBearer%20S3crS3cr1", "x=authorization%3D********"),
    ('data={"a":"authorization=Bearer S3crS3cr1"}', None),
    ('query=mutation($password:String="S3cr"){x}', None),
    ("t%6Fken%3DS3cr", "token%3D********"),
    ("a=1&token%3DS3cr&b=2", "a=1&token%3D********&b=2"),
    ("token%253DS3cr", "token%3D********"),
    ("=token=S3cr", "=token=********"),
    ("=token%3DS3cr", "%3Dtoken%3D********"),
    ("to%00ken=S3cr", "to%00ken=********"),
    ("%2574oken=S3cr", "%2574oken=********"),
    ("token:S3cr", "token%3A********"),
    ("cookie:Basic S3cr==&a=b", None),
    ("password%3DBasic%20S3cr==", None),
    ("session_id: 'Bearer S3crS3cr, y=1", None),
    ('{"password":"S3cr"}', "%7B%22password%22%3A%22********%22%7D"),
]

PLAIN_QUERIES = ["q=bearer+of+bad+news", "token=", "=a=b", "a%3D1", "q=a%3Db&c", "key=value", "%"]
