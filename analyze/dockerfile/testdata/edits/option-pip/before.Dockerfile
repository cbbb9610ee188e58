FROM debian
RUN pip install -r requirements.txt && python3 -m pip install wheel
