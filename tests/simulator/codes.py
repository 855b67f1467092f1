"""The documented errors: what each code says, and the HTTP status that it comes with.

Tests go through SERVICE and GATEWAY to meet all of them. Texts are those of the
documentation; they are for people, and no client should compare them.
"""

# Each comes with HTTP 400, but for those in _SERVICE_STATUS.
SERVICE = {
    0: "Success.",
    13000101: "Bad request.",
    13000102: "Verify parameters failed.",
    13000201: "inner server invoke failure",
    13000301: "Space not found.",
    13000302: "File is not in the specified space.",
    13000303: "This operation cannot be performed because the file is not in the recycle bin.",
    13000304: "Target directory is abnormal.",
    13000305: "Target directory is in the recycle bin.",
    13000306: "File is in the recycle bin.",
    13000307: "Nested directories.",
    13000308: "File metadata error.",
    13000309: "Resource not found.",
    13000310: "Max. levels exceeded.",
    13000311: "Insufficient space.",
    13000312: "File already in the target folder.",
    13000401: "Upload task not found.",
    13000402: "File upload incomplete.",
    13000403: "Change file status failed.",
    13000404: "Parent directory is in the recycle bin.",
    13000405: "Duplicate file name.",
    13000406: "This operation cannot be performed on the folder.",
    13000407: "File download address does not exist.",
    13000408: "File download failed.",
    13000409: "File upload failed.",
    13000410: "The current user does not have the permission to operate the space.",
    13000411: "The current file is not in the space.",
    13000412: "The space is not activated.",
    13000413: "Search type not supported.",
    13000414: "Search type cannot be empty.",
}

_SERVICE_STATUS = {0: 200, 13000201: 500}

# A code that comes with more than one status: the usual one is first.
GATEWAY = {
    "APIG.0101": {404: "The API does not exist or has not been published in the environment."},
    "APIG.0103": {500: "The backend does not exist."},
    "APIG.0104": {500: "The plug-ins do not exist."},
    "APIG.0105": {500: "The backend configurations do not exist."},
    "APIG.0106": {400: "Orchestration error."},
    "APIG.0107": {500: "The custom lua script encountered an unexpected error"},
    "APIG.0201": {
        400: "API request error.",
        413: "Request entity too large.",
        414: "Request URI too large.",
        494: "Request headers too large.",
        500: "An unexpected error occurred.",
        502: "Backend unavailable.",
        504: "Backend timeout.",
    },
    "APIG.0202": {502: "Backend unavailable."},
    "APIG.0203": {504: "Backend timeout."},
    "APIG.0204": {400: "SSL protocol is not supported: TLSv1.1"},
    "APIG.0205": {400: "Verify client certificate failed"},
    "APIG.0301": {401: "Incorrect IAM authentication information."},
    "APIG.0302": {403: "The IAM user is not authorized to access the API."},
    "APIG.0303": {401: "Incorrect app authentication information."},
    "APIG.0304": {403: "The app is not authorized to access the API."},
    "APIG.0305": {401: "Incorrect authentication information."},
    "APIG.0306": {403: "API access denied."},
    "APIG.0307": {401: "The token must be updated."},
    "APIG.0308": {429: "The throttling threshold has been reached."},
    "APIG.0310": {403: "The project is unavailable."},
    "APIG.0311": {401: "Incorrect debugging authentication information."},
    "APIG.0312": {401: "Incorrect third-party authentication information."},
    "APIG.0313": {401: "Incorrect identities in third-party authentication information."},
    "APIG.0314": {403: "Access denied: too many failed third-party authentications."},
    "APIG.0401": {403: "Unknown client IP address."},
    "APIG.0402": {403: "The IP address is not authorized to access the API."},
    "APIG.0404": {403: "Access to the backend IP address has been denied."},
    "APIG.0405": {403: "The app is not accessed from a trusted IP address."},
    "APIG.0501": {405: "The app quota has been used up."},
    "APIG.0502": {405: "The app has been frozen."},
    "APIG.0601": {500: "Internal server error."},
    "APIG.0602": {400: "Bad request."},
    "APIG.0605": {500: "Domain name resolution failed."},
    "APIG.0606": {500: "Failed to load the API configurations."},
    "APIG.0607": {400: "The following protocol is supported: https"},
    "APIG.0608": {500: "Failed to obtain the admin token."},
    "APIG.0609": {500: "The VPC backend does not exist."},
    "APIG.0610": {502: "No backend available."},
    "APIG.0611": {500: "The backend port does not exist."},
    "APIG.0612": {500: "An API cannot call itself."},
    "APIG.0613": {503: "The IAM service is currently unavailable."},
    "APIG.0615": {500: "Incorrect third-party authentication VPC information"},
    "APIG.0616": {500: "Incorrect third-party authentication request information"},
    "APIG.0617": {500: "Incorrect third-party authentication response information"},
    "APIG.0705": {500: "Backend signature calculation failed."},
    "APIG.0802": {403: "The IAM user is forbidden in the currently selected region"},
    "APIG.1001": {401: "Refresh token is expired"},
    "APIG.1002": {401: "Access token is expired"},
    "APIG.1003": {401: "App not match refresh token"},
    "APIG.1004": {401: "App not exist"},
    "APIG.1009": {400: "AppKey or AppSecret is invalid"},
    "APIG.2201": {400: "Appkey or SecretKey is invalid"},
    "APIG.2202": {400: "Refresh token is invalid"},
    "APIG.2203": {400: "Access token is invalid"},
    "APIG.2204": {400: "ContentType invalid"},
    "APIG.2205": {400: "Auth parameter invalid"},
    "APIG.2206": {400: "Auth method invalid"},
    "APIG.2208": {400: "The length of through_data is out of range"},
    "APIG.2209": {400: "The value of grant_type is not in enum List"},
    "APIG.2210": {400: "Lack of grant_type"},
    "APIG.2211": {400: "Lack of client_id"},
    "APIG.2212": {400: "Lack of client_secret"},
    "APIG.2213": {400: "Lack of refresh_token"},
}


def service_status(code):
    return _SERVICE_STATUS.get(code, 400)


def service_message(code):
    return SERVICE.get(code, "request failed")


def gateway_status(error_code):
    """The usual one; 401 for a code that no table has."""
    return next(iter(GATEWAY.get(error_code, {401: ""})))


def gateway_message(error_code, status):
    """For a status that the code does not come with, the text of the usual one."""
    messages = GATEWAY.get(error_code, {})
    return messages.get(status) or next(iter(messages.values()), "request refused")
